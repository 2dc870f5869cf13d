"""Removes exact and near duplicates across repositories and writes the corpus shards and the manifest.

A *signature* is the MinHash of a file's five-token shingles (Broder 1997): equal positions estimate
the Jaccard similarity. Files of held-out repositories always stay, and what resembles them leaves the
other splits. Input and output are text of others and stay outside this repository; only the manifest
(names, commits, licences, counts) comes back into it.

    python dedup.py OUT_FOLDER --manifest corpus.csv   -> OUT/shard-N.jsonl.zst
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import multiprocessing
import random
import re
import zlib
from collections import Counter, defaultdict
from pathlib import Path
from typing import TypedDict

import numpy as np
import zstandard

PERMUTATIONS = 128
BANDS, ROWS = 16, 8
"""16 bands of 8 rows: a pair at Jaccard 0.8 is compared with probability 0.95, at 0.5 with 0.06."""
THRESHOLD = 0.8
SHINGLE = 5
SHARD_TEXT_BYTES = 330_000_000
"""Text per shard; zstd -19 --long packs mixed code about 6.6 times, so a shard stays below 50 MiB."""
RANK = {"heldout": 0, "validation": 1, "train": 2, "tokenizer": 2}

_TOKEN = re.compile(r"\w+|[^\w\s]")
_rng = np.random.default_rng(20)
_A = _rng.integers(1, 2**63, PERMUTATIONS, dtype=np.uint64) | np.uint64(1)
_B = _rng.integers(0, 2**63, PERMUTATIONS, dtype=np.uint64)


class Record(TypedDict):
    """One file: `language` is its token of `layout.py`, `split` that of its repository."""

    repo: str
    path: str
    language: str
    text: str
    split: str


def signature(text: str) -> np.ndarray:
    """MinHash of a text: u32 [PERMUTATIONS], by multiply-shift hashing of the shingles' CRCs."""
    crc = np.fromiter((zlib.crc32(t.encode()) for t in _TOKEN.findall(text)), dtype=np.uint64)
    if len(crc) < SHINGLE:
        crc = np.pad(crc, (0, SHINGLE - len(crc)))
    shingles = np.zeros(len(crc) - SHINGLE + 1, dtype=np.uint64)
    for i in range(SHINGLE):
        shingles = shingles * np.uint64(0x9E3779B97F4A7C15) + crc[i : i + len(shingles)]
    shingles = np.unique(shingles)
    out = np.empty(PERMUTATIONS, dtype=np.uint32)
    for i in range(PERMUTATIONS):  # one permutation at a time stays in the cache
        out[i] = ((shingles * _A[i] + _B[i]) >> np.uint64(32)).min()
    return out


def duplicates(records: list[Record], signatures: np.ndarray) -> dict[int, int]:
    """Index of each file to drop -> the file it resembles. The earlier one by (split rank, position) stays."""
    order = sorted(range(len(records)), key=lambda i: (RANK[records[i]["split"]], i))
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    dropped: dict[int, int] = {}
    for i in order:
        keys = [(b, signatures[i, b * ROWS : (b + 1) * ROWS].tobytes()) for b in range(BANDS)]
        seen: set[int] = set()
        for key in keys:
            seen.update(buckets[key][:20])
        twin = next((j for j in sorted(seen) if (signatures[i] == signatures[j]).mean() >= THRESHOLD), None)
        if twin is not None:
            dropped[i] = twin
            continue
        for key in keys:
            buckets[key].append(i)
    return dropped


def exact(records: list[Record]) -> list[Record]:
    """The records without those whose whitespace-normalised text occurs at an earlier (split rank, position)."""
    seen: set[bytes] = set()
    kept: list[Record] = []
    for record in sorted(records, key=lambda r: RANK[r["split"]]):
        digest = hashlib.sha1(" ".join(record["text"].split()).encode()).digest()
        if digest not in seen:
            seen.add(digest)
            kept.append(record)
    return kept


def write_shards(records: list[Record], out: Path, seed: int) -> int:
    """Writes the records in seeded random order as zstd JSON lines; returns the number of shards."""
    random.Random(seed).shuffle(records)
    shards: list[list[Record]] = [[]]
    size = 0
    for record in records:
        if size > SHARD_TEXT_BYTES:
            shards.append([])
            size = 0
        shards[-1].append(record)
        size += len(record["text"])
    parameters = zstandard.ZstdCompressionParameters.from_level(9, enable_ldm=True, window_log=27)
    for n, shard in enumerate(shards, 1):
        lines = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in shard).encode()
        (out / f"shard-{n}.jsonl.zst").write_bytes(zstandard.ZstdCompressor(compression_params=parameters).compress(lines))
    return len(shards)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with (args.out / "records.jsonl").open() as lines:
        records: list[Record] = [json.loads(line) for line in lines]
    before = len(records)
    records = exact(records)
    middle = len(records)
    with multiprocessing.Pool() as pool:
        signatures = np.stack(pool.map(signature, [r["text"] for r in records], chunksize=64))
    dropped = duplicates(records, signatures)
    records = [r for i, r in enumerate(records) if i not in dropped]
    shards = write_shards(records, args.out, args.seed)
    files: Counter[str] = Counter(r["repo"] for r in records)
    size: Counter[str] = Counter()
    for r in records:
        size[r["repo"]] += len(r["text"].encode())
    rows = json.loads((args.out / "repositories.json").read_text())
    with args.manifest.open("w", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(["repository", "commit", "spdx", "language", "split", "files", "bytes"])
        rows = [r for r in rows if files[r["repository"]]]
        for r in sorted(rows, key=lambda r: (r["language"], r["repository"].lower())):
            table.writerow([r["repository"], r["commit"], r["spdx"], r["language"], r["split"], files[r["repository"]], size[r["repository"]]])
    print(f"{before} files, {before - middle} exact and {len(dropped)} near duplicates removed, {len(records)} kept, {sum(size.values()) / 1e6:.1f} MB, {shards} shard(s)")


if __name__ == "__main__":
    main()
