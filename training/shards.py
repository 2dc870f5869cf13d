"""The corpus on disk: records of one repository as JSON lines, and shards of all of them, zstd-compressed.

`ingest.py` writes the first form, `dedup.py` the second, everything else reads the second. Do not load
a shard to keep its text: shards are text of others, only counts and weights leave them.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypedDict

import zstandard

SHARD_TEXT_BYTES = 220_000_000
"""Text per shard. Level 9 with long matches packs mixed code about five times, so a shard stays below 50 MiB."""


class Record(TypedDict):
    """One file: `language` is its token of `layout.py`, `split` that of its repository."""

    repo: str
    path: str
    language: str
    text: str
    split: str


def of_folder(out: Path) -> Iterator[Record]:
    """The records that `ingest.py` left in a folder, repository by repository, each with its split."""
    for row in json.loads((out / "repositories.json").read_text()):
        with (out / "records" / f"{row['repository'].replace('/', '+')}.jsonl").open() as lines:
            for line in lines:
                yield {**json.loads(line), "split": row["split"]}


def write(records: list[Record], out: Path, seed: int) -> int:
    """Writes the records in seeded random order; returns the number of shards. `records` is reordered."""
    random.Random(seed).shuffle(records)  # type: ignore[arg-type]
    parameters = zstandard.ZstdCompressionParameters.from_level(9, enable_ldm=True, window_log=27, threads=-1)
    for old in out.glob("shard-*.jsonl.zst"):
        old.unlink()
    number, at = 0, 0
    while at < len(records):
        number, size = number + 1, 0
        with (out / f"shard-{number}.jsonl.zst").open("wb") as raw, zstandard.ZstdCompressor(compression_params=parameters).stream_writer(raw) as packed:
            while at < len(records) and size <= SHARD_TEXT_BYTES:
                line = (json.dumps(records[at], ensure_ascii=False) + "\n").encode()
                packed.write(line)
                size, at = size + len(line), at + 1
    return number


def read(paths: Iterable[Path]) -> Iterator[Record]:
    """The records of the shards in order."""
    for path in paths:
        with path.open("rb") as raw:
            # The window is as large as the writer's, which long-distance matching needs.
            stream = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(raw)
            for line in io.TextIOWrapper(stream, encoding="utf-8", newline="\n"):
                yield json.loads(line)
