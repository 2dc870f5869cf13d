"""Judges a package on held-out places, beside the copy-from-context floor, and writes `figures.csv`.

Nothing is run or compiled. Per language group and kind: exact match of the whole middle (`em`) and of
its first line (`line_em`), edit similarity, first-token accuracy, characters right from the start,
share shown at the gate and how many of those are right; bits per byte over whole files.

    python evaluate.py ../models/complete --items heldout.jsonl --shards SHARD... --set heldout
"""

from __future__ import annotations

import argparse
import csv
import math
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np

import items
import layout
import rows
import serve
import shards

COLUMNS = ("set", "system", "language", "kind", "items", "em", "line_em", "edit_similarity", "first_token", "matched_characters", "show_rate", "precision", "bits_per_byte")
FILES_PER_LANGUAGE = 60
"""Files over which bits per byte are taken, in windows of all positions without overlap."""


def similarity(a: str, b: str) -> float:
    """1 - Levenshtein distance / longer length, 0 to 1."""
    if not a or not b:
        return float(a == b)
    other = np.array([ord(c) for c in b])
    steps = np.arange(len(b) + 1)
    row = steps.copy()
    for i, c in enumerate(a, 1):
        best = np.minimum(row[1:] + 1, row[:-1] + (other != ord(c)))
        best = np.concatenate([[i], best])
        row = np.minimum.accumulate(best - steps) + steps  # insertions run along the row
    return 1 - float(row[-1]) / max(len(a), len(b))


def copied(item: items.Item) -> str:
    """The floor: the rest of the line behind the latest earlier place with the longest equal left context."""
    text, best, most = item["prefix"], "", 0
    for length in range(4, 64):
        context = text[-length:]
        at = text.rfind(context, 0, len(text) - 1)
        if len(context) < length or at < 0:
            break
        rest = text[at + length :].partition("\n")[0]
        best, most = rest, length
    if not most:
        return ""
    tail = item["suffix"].partition("\n")[0]
    return best.removesuffix(tail) if tail.strip() else best


class Tally:
    """Sums of one (system, language, kind)."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = defaultdict(float)

    def add(self, item: items.Item, text: str, first: str, shown: str | None, line: bool) -> None:
        """Counts one answer; `shown` is the text that passed the gate."""
        truth = item["middle"]
        s = self.sums
        s["items"] += 1
        s["em"] += text.rstrip() == truth.rstrip()
        s["line_em"] += text.partition("\n")[0].rstrip() == truth.partition("\n")[0].rstrip()
        s["edit_similarity"] += similarity(text, truth)
        s["first_token"] += bool(first) and (truth + item["suffix"][:40]).startswith(first)
        s["matched_characters"] += len(os.path.commonprefix([text, truth]))
        if shown is not None:
            s["show_rate"] += 1
            s["precision"] += serve.is_right(item, shown, line)

    def row(self) -> dict[str, str]:
        """Means as text; precision over what was shown."""
        s, n = self.sums, self.sums["items"]
        out = {k: f"{s[k] / n:.4f}" for k in ("em", "line_em", "edit_similarity", "first_token", "matched_characters", "show_rate")}
        return {"items": str(int(n)), **out, "precision": f"{s['precision'] / s['show_rate']:.4f}" if s["show_rate"] else ""}


def bits_per_byte(generator: serve.Generator, texts: Iterable[tuple[str, str, str]]) -> float:
    """Mean bits per byte of files (language, path, text), each window headed by its document."""
    nats, size = 0.0, 0
    for language, path, text in texts:
        head = layout.encode_place(layout.Place(language, path, "", ""), generator.budget, generator.encode).ids[:-2]
        body = generator.encode(text)[0]
        room = generator.budget.positions - len(head)
        for a in range(0, min(len(body), 4 * room), room):
            part = body[a : a + room]
            generator.session.rewind(0)
            logits = generator.session.run(head + part, keep=0)[len(head) - 1 : -1].astype(np.float64)
            top = logits.max(axis=1)
            lse = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
            nats += float((lse - logits[np.arange(len(part)), part]).sum())
            size += sum(len(generator.spelled[i]) for i in part)
    return nats / math.log(2) / size


def judge(generator: serve.Generator, places: list[items.Item]) -> dict[tuple[str, str, str], Tally]:
    """Tallies of model and floor per language group and kind, and over all."""
    gate = generator.manifest["gate"]
    out: dict[tuple[str, str, str], Tally] = defaultdict(Tally)
    for item in places:
        answer = generator.answer(item)
        cut = next((c for c in serve.cuts(answer) if serve.probability(c, gate) >= gate["show"]), None)
        shown = answer.text[: cut.end] if cut else None
        group = rows.GROUP[item["language"]]
        floor = copied(item)
        for key in ((group, item["kind"]), (group, "all"), ("all", item["kind"]), ("all", "all")):
            out["model", *key].add(item, answer.text, answer.first, shown, bool(cut and cut.line))
            out["copy", *key].add(item, floor, floor[:3], None, True)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--shards", type=Path, nargs="*", default=[])
    parser.add_argument("--set", default="heldout")
    parser.add_argument("--figures", type=Path, default=Path(__file__).with_name("figures.csv"))
    parser.add_argument("--limit", type=int, default=0)
    args = parser.parse_args()
    generator = serve.Generator(args.package)
    places = items.read(args.items)
    if args.limit:
        places = places[:: max(1, len(places) // args.limit)]
    tallies = judge(generator, places)
    bits: dict[str, float] = {}
    for group in sorted(set(rows.GROUP.values())) if args.shards else ():
        files = [r for r in shards.read(args.shards) if r["split"] == args.set and rows.GROUP.get(r["language"]) == group][:FILES_PER_LANGUAGE]
        bits[group] = bits_per_byte(generator, ((r["language"], r["path"], r["text"]) for r in files))
    if bits:
        bits["all"] = sum(bits.values()) / len(bits)
    with args.figures.open("w", newline="") as out:
        table = csv.DictWriter(out, COLUMNS, lineterminator="\n", restval="")
        table.writeheader()
        for (system, group, kind), tally in sorted(tallies.items()):
            row = {"set": args.set, "system": system, "language": group, "kind": kind, **tally.row()}
            if system == "model" and kind == "all" and group in bits:
                row["bits_per_byte"] = f"{bits[group]:.4f}"
            if system == "copy":
                row["show_rate"] = row["precision"] = ""
            table.writerow(row)
            if kind == "all" or group == "all":
                print(" ".join(f"{k}={v}" for k, v in row.items() if v))


if __name__ == "__main__":
    main()
