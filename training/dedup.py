"""Removes exact and near duplicates across repositories and writes the corpus shards and the manifest.

A *signature* is the MinHash of a file's five-token shingles (Broder 1997): equal positions estimate
the Jaccard similarity. Files of held-out repositories stay, and what resembles them leaves the other
splits; what resembles a repository reserved for independent evaluation leaves all of them, as does
what `overlap.py` found. Input and output are text of others and stay outside this repository; only
the manifest (names, commits, licences, counts) comes back into it.

    python dedup.py OUT_FOLDER --manifest corpus.csv --reserved CHECKOUTS_OF_THE_RESERVED   -> OUT/shard-N.jsonl.zst
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import multiprocessing
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import filters
import shards
from ingest import TOKENS
from shards import Record

__all__ = ["Record"]

PERMUTATIONS = 128
BANDS, ROWS = 16, 8
"""16 bands of 8 rows: a pair at Jaccard 0.8 is compared with probability 0.95, at 0.5 with 0.06."""
THRESHOLD = 0.8
SHINGLE = 5
RANK = {"reserved": -1, "heldout": 0, "validation": 1, "train": 2, "tokenizer": 2}
"""Who stays when two files are equal or alike: the lower rank, then the earlier one."""

_TOKEN = re.compile(r"\w+|[^\w\s]")
_rng = np.random.default_rng(20)
_A = _rng.integers(1, 2**63, PERMUTATIONS, dtype=np.uint64) | np.uint64(1)
_B = _rng.integers(0, 2**63, PERMUTATIONS, dtype=np.uint64)


class Crc(dict[str, int]):
    """CRC of each token, remembered: source text repeats its tokens, and encoding them costs more than the look-up."""

    def __missing__(self, token: str) -> int:
        if len(self) > 500_000:
            self.clear()
        crc = self[token] = zlib.crc32(token.encode())
        return crc


_CRC = Crc()


def hashes(text: str, width: int) -> np.ndarray:
    """The u64 hash of each run of `width` tokens of a text, in order; one for a text that is shorter."""
    tokens = _TOKEN.findall(text)
    crc = np.fromiter(map(_CRC.__getitem__, tokens), dtype=np.uint64, count=len(tokens))
    if len(crc) < width:
        crc = np.pad(crc, (0, width - len(crc)))
    runs = np.zeros(len(crc) - width + 1, dtype=np.uint64)
    for i in range(width):
        runs = runs * np.uint64(0x9E3779B97F4A7C15) + crc[i : i + len(runs)]
    return runs


def signature(text: str) -> np.ndarray:
    """MinHash of a text: u32 [PERMUTATIONS], by multiply-shift hashing of its shingles."""
    shingles = np.unique(hashes(text, SHINGLE))
    out = np.empty(PERMUTATIONS, dtype=np.uint32)
    for i in range(PERMUTATIONS):  # one permutation at a time stays in the cache
        out[i] = ((shingles * _A[i] + _B[i]) >> np.uint64(32)).min()
    return out


def duplicates(records: list[Record], signatures: np.ndarray) -> dict[int, int]:
    """Index of each file to drop -> the file it resembles. The earlier one by (split rank, position) stays.

    Reserved files are compared with nothing and stay all, so that no file escapes one by the way of its twin.
    """
    order = sorted(range(len(records)), key=lambda i: (RANK[records[i]["split"]], i))
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    dropped: dict[int, int] = {}
    for i in order:
        keys = [(b, signatures[i, b * ROWS : (b + 1) * ROWS].tobytes()) for b in range(BANDS)]
        if records[i]["split"] != "reserved":
            seen: set[int] = set()
            for key in keys:
                seen.update(buckets[key][:20])
            near = np.array(sorted(seen), dtype=np.int64)
            alike = near[(signatures[near] == signatures[i]).mean(axis=1) >= THRESHOLD] if len(near) else near
            if len(alike):
                dropped[i] = int(alike[0])
                continue
        for key in keys:
            buckets[key].append(i)
    return dropped


def exact(records: list[Record]) -> dict[int, int]:
    """As `duplicates`, for files whose whitespace-normalised text occurs at an earlier (split rank, position)."""
    first: dict[bytes, int] = {}
    dropped: dict[int, int] = {}
    for i in sorted(range(len(records)), key=lambda i: (RANK[records[i]["split"]], i)):
        digest = hashlib.sha1(" ".join(records[i]["text"].split()).encode()).digest()
        if first.setdefault(digest, i) != i and records[i]["split"] != "reserved":
            dropped[i] = first[digest]
    return dropped


def reserved(checkouts: Path | None) -> Iterator[Record]:
    """Every source file of the reserved repositories, vendored and test files included, in the form that training files have."""
    for root in sorted(checkouts.iterdir()) if checkouts else []:
        for p in sorted(root.rglob("*")):
            if p.suffix in TOKENS and p.is_file() and not p.is_symlink() and p.stat().st_size >= filters.MIN_BYTES:
                text = p.read_bytes().decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")
                yield {"repo": root.name, "path": str(p.relative_to(root)), "language": TOKENS[p.suffix], "text": filters.split_header(text)[0], "split": "reserved"}


def unique(records: list[Record], jobs: int | None = None) -> tuple[list[Record], Counter[str]]:
    """The records without duplicates and without the reserved ones, and how many were dropped by which rule."""
    why: Counter[str] = Counter()

    def without(records: list[Record], dropped: dict[int, int], rule: str) -> list[Record]:
        why.update(f"{rule} of a reserved file" if records[j]["split"] == "reserved" else rule for j in dropped.values())
        return [r for i, r in enumerate(records) if i not in dropped]

    records = without(records, exact(records), "exact duplicate")
    with multiprocessing.Pool(jobs) as pool:
        signatures = np.stack(list(pool.imap(signature, (r["text"] for r in records), chunksize=64)))
    records = without(records, duplicates(records, signatures), "near duplicate")
    return [r for r in records if r["split"] != "reserved"], why


def manifest(rows: list[dict[str, str]], records: list[Record], path: Path) -> None:
    """Writes `corpus.csv`: a row for each repository of `rows` of which at least one file is left."""
    files: Counter[str] = Counter(r["repo"] for r in records)
    size: Counter[str] = Counter()
    for r in records:
        size[r["repo"]] += len(r["text"].encode())
    with path.open("w", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(["repository", "commit", "spdx", "language", "split", "files", "bytes"])
        for r in sorted(rows, key=lambda r: (r["language"], r["repository"].lower())):
            if files[r["repository"]]:
                table.writerow([r["repository"], r["commit"], r["spdx"], r["language"], r["split"], files[r["repository"]], size[r["repository"]]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--reserved", type=Path, help="folder of checkouts of the reserved repositories; their files never reach the output")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, help="processes; as many as there are processors unless told")
    args = parser.parse_args()
    records = list(shards.of_folder(args.out))
    before = len(records)
    found = args.out / "contaminated.json"
    contaminated = {tuple(x) for x in json.loads(found.read_text())["files"]} if found.exists() else set()
    records = [r for r in records if (r["repo"], r["path"]) not in contaminated]
    overlapping = before - len(records)
    records, why = unique(list(reserved(args.reserved)) + records, args.jobs)
    why["overlap with a public set"] = overlapping
    manifest(json.loads((args.out / "repositories.json").read_text()), records, args.manifest)
    kept, size = len(records), sum(len(r["text"].encode()) for r in records)
    number = shards.write(records, args.out, args.seed)
    print(f"{before} files, {kept} kept, {size / 1e6:.1f} MB, {number} shard(s); dropped: {dict(why)}")


if __name__ == "__main__":
    main()
