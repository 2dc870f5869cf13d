"""Brings public fill-in sets into the form of our own items, so that one instrument judges all.

Reads the files as their authors publish them (`.jsonl`, `.jsonl.gz`, or `.parquet` with `pyarrow`
installed), recognises each by its fields, and writes one `SET.jsonl` per set. An *item* is what
`items.py` writes, with `reference` for `middle` and the set's name and id. These sets are text of
others: they are measured with, and stay outside this repository.

    python public_sets.py HumanEval-SingleLineInfilling.jsonl.gz api_completion.jsonl.gz ... --output FOLDER
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypedDict

Row = dict[str, Any]

LANGUAGES = {
    "py": ("python", "main.py"),
    "python": ("python", "main.py"),
    "js": ("javascript", "main.js"),
    "java": ("java", "Main.java"),
    "cpp": ("cpp", "main.cpp"),
    "csharp": ("csharp", "Program.cs"),
}
"""Our language id and a path that says nothing but the language."""

SIZES = {
    "humaneval-single": 1033,
    "humaneval-multi": 5815,
    "humaneval-span": 1640,
    "santacoder-fim": 4792,
    "safim-api": 310,
    "safim-control": 8629,
}
"""Items of each set as its authors count them; a file with another number is named."""

HOLE = "{{completion}}"
"""Where the middle goes in a SAFIM program."""


class PublicItem(TypedDict):
    """One place of a public set. `kind`: `line` (one whole line), `lines`, `chars`, or
    `control` and `call`, which end where their brackets do."""

    set: str
    id: str
    language: str
    path: str
    prefix: str
    suffix: str
    reference: str
    kind: str


def set_of(row: Row) -> str:
    """The name of the set that a row belongs to; raises ValueError for a row of none."""
    task = str(row.get("task_id", ""))
    for start, name in (("SingleLine", "single"), ("MultiLine", "multi"), ("RandomSpan", "span")):
        if task.startswith(f"{start}Infilling/"):
            return f"humaneval-{name}"
    if "eval_prompt" in row:
        # Both have ids that say "block"; only control-flow items carry tests.
        return "safim-control" if tests(row) else "safim-api"
    if {"prompt", "suffix", "canonical_solution", "language"} <= row.keys():
        return "santacoder-fim"
    raise ValueError(f"a row with the fields {sorted(row)} belongs to no known set")


def tests(row: Row) -> list[Any]:
    """The unit tests of a SAFIM row, which are a list or its JSON."""
    found = row.get("unit_tests") or []
    return json.loads(found) if isinstance(found, str) else found


def humaneval(row: Row, name: str) -> PublicItem:
    """HumanEval-Infilling. The last line end of the middle belongs to the text below: a cursor that waits
    for a line stands on a line of its own."""
    middle, suffix = row["canonical_solution"], row["suffix"]
    if middle.endswith("\n"):
        middle, suffix = middle[:-1], "\n" + suffix
    kind = {"humaneval-single": "line", "humaneval-multi": "lines"}.get(name, "chars")
    return item(name, row["task_id"], "python", (row["prompt"], suffix), middle, kind)


def santacoder(row: Row, name: str) -> PublicItem:
    """santacoder-fim. Its rows lack the line ends at both sides of the hidden line; without them the line
    before would go on at the cursor."""
    around = (row["prompt"] + "\n", "\n" + row["suffix"])
    return item(name, row["name"], row["language"], around, row["canonical_solution"], "line")


def safim(row: Row, name: str) -> PublicItem:
    """SAFIM: the program with a hole, which may stand within a line."""
    prefix, hole, suffix = row["eval_prompt"].partition(HOLE)
    if not hole:
        raise ValueError(f"{row['task_id']}: no {HOLE} in its program")
    kind = "control" if name == "safim-control" else "call"
    return item(name, row["task_id"], row["lang"], (prefix, suffix), row["ground_truth"], kind)


def item(name: str, task: str, language: str, around: tuple[str, str], reference: str, kind: str) -> PublicItem:
    """An item with our language id and a neutral path."""
    known, path = LANGUAGES[language]
    return {
        "set": name,
        "id": task,
        "language": known,
        "path": path,
        "prefix": around[0],
        "suffix": around[1],
        "reference": reference,
        "kind": kind,
    }


def converter(name: str) -> Callable[[Row, str], PublicItem]:
    """The function for rows of a set."""
    return {"humaneval": humaneval, "santacoder": santacoder, "safim": safim}[name.partition("-")[0]]


def read(path: Path) -> Iterator[Row]:
    """The rows of a published file."""
    if path.suffix == ".parquet":
        try:
            from pyarrow import parquet
        except ImportError:
            raise SystemExit(f"{path}: install pyarrow to read Parquet files (pip install pyarrow)") from None
        yield from parquet.read_table(path).to_pylist()
        return
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    with opened as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def convert(rows: Iterator[Row]) -> dict[str, list[PublicItem]]:
    """Items by set, in the order of the rows. Two rows of one id get numbers."""
    found: dict[str, list[PublicItem]] = {}
    seen: Counter[tuple[str, str]] = Counter()
    for row in rows:
        name = set_of(row)
        made = converter(name)(row, name)
        key = (name, made["id"])
        seen[key] += 1
        if seen[key] > 1:
            made["id"] += f"#{seen[key]}"
        found.setdefault(name, []).append(made)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    for path in args.files:
        try:
            found = convert(read(path))
        except (OSError, ValueError, KeyError) as problem:
            raise SystemExit(f"{path}: {problem}") from None
        for name, items in found.items():
            with (args.output / f"{name}.jsonl").open("w", encoding="utf-8") as out:
                out.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in items)
            odd = "" if len(items) == SIZES[name] else f", but the set has {SIZES[name]}"
            print(f"{name}: {len(items)} items{odd}")


if __name__ == "__main__":
    main()
