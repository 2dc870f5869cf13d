"""Reads corpus shards: zstd-compressed JSON lines, one file of a repository per line.

The form is written by `dedup.py` and read by everything else. Do not load a shard to keep its text:
shards are text of others, only counts and weights leave them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import zstandard

from dedup import Record


def read(paths: Iterable[Path]) -> Iterator[Record]:
    """The records of the shards in order."""
    for path in paths:
        with path.open("rb") as raw:
            # The window is as large as the writer's, which long-distance matching needs.
            stream = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(raw)
            for line in io.TextIOWrapper(stream, encoding="utf-8", newline="\n"):
                yield json.loads(line)
