"""Draws evaluation items from a split: a place in a file and the text that stood there.

An *item* is one JSON line `{language, path, prefix, suffix, middle, kind}`: everything before the
cursor, everything after the middle, the middle, and its kind (`spans.py`). Model, baseline and the
real binary are judged on the same lines. Items are text of others and stay outside this repository.

    python items.py SHARD... --split heldout --per-language 300 --output heldout.jsonl
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import TypedDict

import rows
import shards
import spans
from dedup import Record

SHARES = {"eol": 0.5, "block": 0.3, "arg": 0.2}
"""The mix of the design's own set (500 / 300 / 200)."""


class Item(TypedDict):
    """One place; `middle` is never blank."""

    language: str
    path: str
    prefix: str
    suffix: str
    middle: str
    kind: str


def draw(record: Record, kind: str, rng: random.Random) -> Item | None:
    """An item of a file, or None where the kind is not to be had or the middle is blank."""
    text = record["text"]
    span = spans.of_kind(text, kind, rng)
    if not span or not text[span[0] : span[1]].strip():
        return None
    start, end = span
    return {"language": record["language"], "path": record["path"], "prefix": text[:start], "suffix": text[end:], "middle": text[start:end], "kind": kind}


def draw_all(records: list[Record], per_language: int, seed: int) -> list[Item]:
    """`per_language` items of each language group, files by their size, at most four of one file."""
    rng = random.Random(seed)
    out: list[Item] = []
    for group in sorted(set(rows.GROUP.values())):
        mine = [r for r in records if rows.GROUP.get(r["language"]) == group]
        weights = [len(r["text"]) for r in mine]
        used: dict[str, int] = {}
        for kind, share in SHARES.items():
            left = round(per_language * share)
            while left:
                record = rng.choices(mine, weights)[0]
                key = f"{record['repo']}:{record['path']}"
                item = draw(record, kind, rng) if used.get(key, 0) < 4 else None
                if item:
                    used[key] = used.get(key, 0) + 1
                    out.append(item)
                    left -= 1
    return out


def read(path: Path) -> list[Item]:
    """The items of a file written by this script."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, nargs="+")
    parser.add_argument("--split", choices=("heldout", "validation", "train"), required=True)
    parser.add_argument("--per-language", type=int, default=300)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    records = [r for r in shards.read(args.shards) if r["split"] == args.split]
    drawn = draw_all(records, args.per_language, args.seed)
    args.output.parent.mkdir(parents=True, exist_ok=True)
    with args.output.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(item, ensure_ascii=False) + "\n" for item in drawn)
    print(f"{len(drawn)} items of {args.split}")


if __name__ == "__main__":
    main()
