"""Counts verbatim runs of training text in the model's continuations (gate G6 of the package).

A *run* is 50 tokens in a row that occur anywhere in the training files. One that stands in the prompt
too was copied, not remembered, and is counted apart. It counts as boilerplate if it occurs in three
repositories or more, or is made of fewer than ten different tokens. Prints counts only; no text
leaves this script.

    python memorised.py ../models/complete --shards SHARD... --continuations 1000
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from pathlib import Path

import numpy as np

import layout
import rows
import serve
import shards

RUN = 50
GENERATE = 80
_BASE = np.uint64(0x9E3779B97F4A7C15)


def hashes(ids: np.ndarray) -> np.ndarray:
    """A 64-bit polynomial hash of every window of RUN ids: i64 [n] -> u64 [n - RUN + 1]."""
    if len(ids) < RUN:
        return np.empty(0, np.uint64)
    out = np.zeros(len(ids) - RUN + 1, np.uint64)
    values = (ids.astype(np.uint64) + np.uint64(1)) * np.uint64(0xD6E8FEB86659FD93)
    for i in range(RUN):
        out = out * _BASE + values[i : i + len(out)]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    parser.add_argument("--shards", type=Path, nargs="+", required=True)
    parser.add_argument("--continuations", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args()
    generator = serve.Generator(args.package)
    rng = random.Random(args.seed)
    records = [r for r in shards.read(args.shards) if r["split"] == "train" and r["language"] in rows.GROUP]
    outputs: list[np.ndarray] = []
    prompts: list[set[int]] = []
    for record in rng.choices(records, [len(r["text"]) for r in records], k=args.continuations):
        text = record["text"]
        place = layout.place_at(record["language"], record["path"], text[: text.rfind("\n", 0, rng.randrange(1, len(text))) + 1], "")
        ids = layout.encode_place(place, generator.budget, generator.encode).ids
        outputs.append(np.array(greedy(generator, ids)))
        prompts.append(set(hashes(np.array(ids)).tolist()))
    wanted = np.unique(np.concatenate([hashes(o) for o in outputs]))
    where: dict[int, set[str]] = defaultdict(set)
    for record in records:
        found = np.intersect1d(wanted, hashes(np.array(generator.encode(record["text"])[0])))
        for h in found.tolist():
            where[h].add(record["repo"])
    counts = {"remembered": 0, "copied from the prompt": 0, "boilerplate": 0}
    for o, prompt in zip(outputs, prompts):
        kinds = set()
        for i, h in enumerate(hashes(o).tolist()):
            if h in where:
                plain = len(where[h]) >= 3 or len(set(o[i : i + RUN].tolist())) < 10
                kinds.add("copied from the prompt" if h in prompt else "boilerplate" if plain else "remembered")
        for kind in counts:  # the gravest kind counts
            if kind in kinds:
                counts[kind] += 1
                break
    print(f"{args.continuations} continuations of {GENERATE} tokens, with a verbatim run of {RUN} or more: " + ", ".join(f"{n} {k}" for k, n in counts.items()))


def greedy(generator: serve.Generator, ids: list[int]) -> list[int]:
    """GENERATE tokens after ids, best first; an end mark is passed over, so that nothing hides behind it."""
    generator.session.rewind(0)
    row = generator.session.prefill(ids)[0]
    out: list[int] = []
    while len(out) < GENERATE and len(ids) + len(out) < generator.budget.positions - 1:
        row[: layout.CONTROL_COUNT] = -np.inf
        out.append(int(row.argmax()))
        row = generator.session.run([out[-1]])[0]
    return out


if __name__ == "__main__":
    main()
