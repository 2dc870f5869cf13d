"""Keeps public evaluation sets out of the corpus, and measures what is left of them.

An *item* is one JSON line `{set, prefix, reference, suffix, ...}` (`prompt` counts as a prefix). Its
*windows* are three consecutive lines that are not blank, without white space, of ten lexemes or more
together; three imports say nothing about an item and are none. `find` lists the training files that
share a window with an item, for `dedup.py` to leave out. `count` then gives the share of items of
which a run of 13 lexemes stands in the finished shards: anywhere, or touching what is to be written.
Items are text of others and stay outside this repository; only counts come back into it.

    python overlap.py find  CORPUS ITEMS.jsonl...                     -> CORPUS/contaminated.json
    python overlap.py count CORPUS ITEMS.jsonl... --output overlap.csv
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import dedup
import shards

LINES, LEXEMES = 3, 10
"""A window: shorter ones are idiom (`}`, `return result`, a loop head), not memory of an item."""
RUN = 13
"""Lexemes of the reported overlap, the length that GPT-3 (arXiv 2005.14165, appendix C) and most cards since use."""
FILTER_BITS = 24

_LEXEME = re.compile(r"\w+|[^\w\s]")
_IMPORT = re.compile(r"\s*((import|from|package|using|use|require|typedef)\b|#\s*include\b|export\b.*\bfrom\b|(const|var|let)\b.*=\s*require\()")


def lines_of(text: str) -> Iterator[tuple[str, str]]:
    """The lines of a text that are not blank: (without white space, as written)."""
    for line in text.split("\n"):
        packed = "".join(line.split())
        if packed:
            yield packed, line


def windows(text: str) -> set[str]:
    """The windows of an item's text, each as its packed lines."""
    lines = list(lines_of(text))
    found: set[str] = set()
    for i in range(len(lines) - LINES + 1):
        window = lines[i : i + LINES]
        if sum(len(_LEXEME.findall(line)) for _, line in window) < LEXEMES or all(_IMPORT.match(line) for _, line in window):
            continue
        found.add("\n".join(packed for packed, _ in window))
    return found


def shared(text: str, known: dict[str, int]) -> set[str]:
    """The windows of a training file that are among the `known` ones of the items."""
    lines = [packed for packed, _ in lines_of(text)]
    return {w for w in map("\n".join, zip(*(lines[i:] for i in range(LINES)))) if w in known}


@dataclass
class Items:
    """The public sets: for each item its set, its windows by number, and its runs of lexemes."""

    sets: list[str] = field(default_factory=list)
    windows: list[set[int]] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    runs: list[np.ndarray] = field(default_factory=list)
    written: list[np.ndarray] = field(default_factory=list)
    """Those of `runs` that touch the reference."""

    def add(self, name: str, before: str, reference: str, after: str) -> None:
        """Takes an item in; `name` is its set."""
        self.sets.append(name)
        self.windows.append({self.known.setdefault(w, len(self.known)) for w in windows(before + reference + after)})
        runs = dedup.hashes(before + reference + after, RUN)
        first = len(_LEXEME.findall(before))
        last = first + len(_LEXEME.findall(reference))
        self.runs.append(np.unique(runs))
        self.written.append(np.unique(runs[max(0, first - RUN + 1) : max(last, first + 1)]))

    def read(self, paths: Iterable[Path]) -> None:
        """Adds the items of JSON lines files."""
        for path in paths:
            with path.open() as lines:
                for item in map(json.loads, lines):
                    self.add(item.get("set", path.stem), item.get("prefix", item.get("prompt", "")), item.get("reference", ""), item.get("suffix", ""))


_known: dict[str, int] = {}
"""What the worker processes compare with; set before they are forked."""


def hits(path: Path) -> list[tuple[str, str, set[int]]]:
    """Of one repository's records: (repository, path, numbers of the shared windows) of each file that has any."""
    found: list[tuple[str, str, set[int]]] = []
    with path.open() as lines:
        for record in map(json.loads, lines):
            windows = shared(record["text"], _known)
            if windows:
                found.append((record["repo"], record["path"], {_known[w] for w in windows}))
    return found


def find(corpus: Path, items: Items, jobs: int | None = None) -> None:
    """Writes `contaminated.json`: the training files to leave out, and per set the files and the items they touch."""
    global _known
    _known = items.known
    rows = json.loads((corpus / "repositories.json").read_text())
    paths = [corpus / "records" / f"{r['repository'].replace('/', '+')}.jsonl" for r in rows if r["split"] not in ("heldout", "validation")]
    sets_of: dict[int, set[str]] = defaultdict(set)
    for name, numbers in zip(items.sets, items.windows):
        for n in numbers:
            sets_of[n].add(name)
    files: list[tuple[str, str]] = []
    dropped: dict[str, int] = defaultdict(int)
    touched: set[int] = set()
    with multiprocessing.Pool(jobs) as pool:
        for result in pool.imap_unordered(hits, paths):
            for repo, path, numbers in result:
                files.append((repo, path))
                touched |= numbers
                for name in set().union(*(sets_of[n] for n in numbers)):
                    dropped[name] += 1
    counts = {name: {"files": dropped[name], "items": sum(s == name and bool(w & touched) for s, w in zip(items.sets, items.windows))} for name in sorted(set(items.sets))}
    (corpus / "contaminated.json").write_text(json.dumps({"files": sorted(files), "sets": counts}, indent=0))
    print(f"{len(files)} training files share a window with an item: {counts}")


class Wanted:
    """A set of run hashes that passes over most of what is not in it by one look into a table of bits."""

    def __init__(self, runs: np.ndarray) -> None:
        self.runs = np.unique(runs)
        self.table = np.zeros(1 << FILTER_BITS, dtype=bool)
        self.table[self.slot(self.runs)] = True

    @staticmethod
    def slot(runs: np.ndarray) -> np.ndarray:
        """The place of each run in the table."""
        return (runs >> np.uint64(64 - FILTER_BITS)).astype(np.int64)

    def among(self, runs: np.ndarray) -> np.ndarray:
        """Those of `runs` that are in the set."""
        likely = runs[self.table[self.slot(runs)]]
        places = np.searchsorted(self.runs, likely)  # `np.isin` would sort the whole set again for each file
        return likely[self.runs[np.minimum(places, len(self.runs) - 1)] == likely]


_wanted: Wanted


def runs_in(text: str) -> np.ndarray:
    """The wanted runs of one training file."""
    return np.unique(_wanted.among(dedup.hashes(text, RUN)))


def count(corpus: Path, items: Items, output: Path, jobs: int | None = None) -> None:
    """Writes the table of the model card: a row for each set."""
    global _wanted
    _wanted = Wanted(np.concatenate(items.runs))
    texts = (r["text"] for r in shards.read(sorted(corpus.glob("shard-*.jsonl.zst"))) if r["split"] == "train")
    with multiprocessing.Pool(jobs) as pool:
        seen: set[int] = set()
        for runs in pool.imap_unordered(runs_in, texts, chunksize=64):
            seen.update(runs.tolist())
    dropped = json.loads((corpus / "contaminated.json").read_text())["sets"]
    with output.open("w", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(["set", "items", "training_files_dropped", "items_touched_by_them", f"items_with_{RUN}_lexemes_in_shards", "of_which_touching_the_reference"])
        for name in sorted(set(items.sets)):
            mine = [i for i, s in enumerate(items.sets) if s == name]
            anywhere = sum(not seen.isdisjoint(items.runs[i].tolist()) for i in mine)
            written = sum(not seen.isdisjoint(items.written[i].tolist()) for i in mine)
            table.writerow([name, len(mine), dropped[name]["files"], dropped[name]["items"], anywhere, written])
    print(output.read_text(), end="")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("find", "count"))
    parser.add_argument("corpus", type=Path)
    parser.add_argument("items", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, default=Path("overlap.csv"))
    parser.add_argument("--jobs", type=int, help="processes; as many as there are processors unless told")
    args = parser.parse_args()
    items = Items()
    items.read(args.items)
    if args.step == "find":
        find(args.corpus, items, args.jobs)
    else:
        count(args.corpus, items, args.output, args.jobs)


if __name__ == "__main__":
    main()
