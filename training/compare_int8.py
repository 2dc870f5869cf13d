"""What rounding to int8 costs: answers of the package beside those of its checkpoint in f32 (gate G4).

    python compare_int8.py ../models/complete RUN/last.pt --items heldout.jsonl --limit 300
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

import export
import items
import serve
from model import Model


class Exact:
    """The network in f32 with the interface of `runtime.Session`; runs everything anew each time."""

    def __init__(self, model: Model) -> None:
        self._model, self._ids, self.past = model, [], 0

    def run(self, ids: Sequence[int], keep: int = 1) -> np.ndarray:
        """Appends ids; logits f32 [keep, V] of the last rows (0: of all appended)."""
        self._ids = self._ids[: self.past] + list(ids)
        self.past = len(self._ids)
        rows = keep or len(ids)
        with torch.no_grad():
            stream, copied = self._model(torch.tensor([self._ids]))
            return self._model.logits(stream[0, -rows:], copied[0, -rows:]).numpy()

    def rewind(self, past: int) -> None:
        """Forgets everything from position `past` on."""
        self.past = past

    def prefill(self, ids: Sequence[int], chunk: int = 0) -> np.ndarray:
        """Appends ids; logits f32 [1, V]."""
        return self.run(ids)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=300)
    args = parser.parse_args()
    places = items.read(args.items)
    places = places[:: max(1, len(places) // args.limit)]
    generator = serve.Generator(args.package)
    rounded = [generator.answer(item) for item in places]
    generator.session = Exact(export.load(args.checkpoint))  # type: ignore[assignment]
    exact = [generator.answer(item) for item in places]

    def right(answers: list[serve.Answer]) -> float:
        lines = [a.text.partition("\n")[0].rstrip() == i["middle"].partition("\n")[0].rstrip() for a, i in zip(answers, places)]
        return sum(lines) / len(lines)

    same = sum(a.text == b.text for a, b in zip(rounded, exact)) / len(places)
    print(f"{len(places)} places: line EM int8 {right(rounded):.4f}, f32 {right(exact):.4f}; equal answers {same:.3f}")


if __name__ == "__main__":
    main()
