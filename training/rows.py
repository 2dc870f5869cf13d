"""Training rows: fixed-length id sequences with a weight per predicted token, sampled without end.

A *unit* is one fill-in sample or one stretch of plain text; a *row* is units packed to T + 1 tokens,
the last one cut. Borders between units need no attention mask (karpathy/nanochat measures no loss).
All texts are in memory and encoded on the fly: at these speeds that is under 3 % of a step.
"""

from __future__ import annotations

import os
import random
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from tokenizers import Tokenizer

import layout
import spans
from dedup import Record

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

GROUP = {
    "rust": "rust", "python": "python", "javascript": "typescript", "typescript": "typescript", "tsx": "typescript",
    "go": "go", "java": "java", "c": "c", "cpp": "c",
}  # fmt: skip
"""Language -> group; groups are drawn equally often."""
WITH_SUFFIX, WITHOUT_SUFFIX = 0.60, 0.15
"""Shares of units; the rest is plain text. Rows are filled up with plain text, so its share of tokens is
larger than 25 % (the design's 50/15/35 by rows)."""
PIECES, DISTRACTORS = 0.25, 0.05
MIDDLE_WEIGHT = 2.0
"""Weight of a middle token: of 512 tokens only about 40 are middles, and only they teach the suffix and the end."""
_WORD = re.compile(r"[A-Za-z_]\w{3,}")
_DEFINITION = re.compile(r"^[ \t]*(pub|fn|impl|struct|enum|trait|def|class|async|function|export|interface|type|const|func|public|private|protected|static|void|template)\b.*$", re.MULTILINE)


def encoder(tokenizer: Tokenizer) -> layout.Encode:
    """The text encoder of `layout`: ids and character offsets, control spellings in the text cut apart."""

    def encode(text: str) -> tuple[list[int], list[int]]:
        if "<|" in text:  # never let a source text spell a control token
            text = text.replace("<|", "< |")
        encoding = tokenizer.encode(text, add_special_tokens=False)
        return encoding.ids, [a for a, _ in encoding.offsets]

    return encode


class Sampler:
    """Draws units and rows from files of one split. `seed` fixes the sequence for one set of files."""

    def __init__(self, records: Iterable[Record], encode: layout.Encode, budget: layout.Budget, seed: int, block: int = spans.BLOCK_CHARACTERS) -> None:
        self.encode, self.budget, self.rng, self.block = encode, budget, random.Random(seed), block
        self.files: dict[str, list[Record]] = defaultdict(list)
        self.folders: dict[tuple[str, str], list[Record]] = defaultdict(list)
        self.repos: dict[str, list[Record]] = defaultdict(list)
        self.add(records)

    def add(self, records: Iterable[Record]) -> None:
        """Takes more files in; those of other languages are passed over."""
        for r in records:
            if r["language"] in GROUP:
                self.files[GROUP[r["language"]]].append(r)
                self.folders[r["repo"], r["path"].rpartition("/")[0]].append(r)
                self.repos[r["repo"]].append(r)
        self.groups = sorted(self.files)
        self.weights = {g: np.cumsum([len(r["text"]) for r in rs]).tolist() for g, rs in self.files.items()}

    def file(self, group: str | None = None) -> Record:
        """A file, languages equally likely, files by their size."""
        group = group or self.rng.choice(self.groups)
        return self.rng.choices(self.files[group], cum_weights=self.weights[group])[0]

    def cut(self, record: Record) -> layout.Piece:
        """A piece of a file: from a definition, 5 to 20 lines (the engine cuts whole definitions)."""
        text = record["text"]
        starts = [m.start() for m in _DEFINITION.finditer(text)] or [0]
        at = self.rng.choice(starts)
        lines = text[at : at + 1200].split("\n")[: self.rng.randint(5, 20)]
        return layout.Piece(record["path"], "\n".join(lines))

    def pieces(self, record: Record, before: str) -> list[layout.Piece]:
        """One to three cuts, of the same folder or repository, those that share most words with the text above the cursor."""
        if self.rng.random() < DISTRACTORS / (PIECES + DISTRACTORS):
            return [self.cut(self.file(GROUP[record["language"]]))]
        near = self.folders[record["repo"], record["path"].rpartition("/")[0]]
        pool = [self.rng.choice(near if self.rng.random() < 0.5 else self.repos[record["repo"]]) for _ in range(6)]
        words = set(_WORD.findall(before[-1500:]))
        cuts = [self.cut(r) for r in pool if r is not record]
        cuts.sort(key=lambda p: -len(words & set(_WORD.findall(p.text))))
        return cuts[: self.rng.randint(1, 3)]

    def fill_in(self, room: int, with_suffix: bool) -> tuple[list[int], list[float]] | None:
        """A fill-in unit of at most `room` tokens: ids and weights, or None where it does not fit."""
        record = self.file()
        text = record["text"]
        _, (start, end) = spans.choose(text, self.rng, self.block)
        before, middle, after = text[:start], text[start:end], text[end:]
        budget = self.budget
        if self.rng.random() < 0.5:  # short surroundings: more middles per row, and the beginnings of files
            budget = replace(budget, prefix=int(48 * (budget.prefix / 48) ** self.rng.random()), suffix=int(16 * (budget.suffix / 16) ** self.rng.random()))
        if room <= budget.positions:  # what is left of a row
            budget = replace(budget, prefix=min(budget.prefix, room // 2), suffix=min(budget.suffix, room // 5), context=min(budget.context, room // 6))
        place = layout.place_at(record["language"], record["path"], before, after if with_suffix else "")
        if not with_suffix:  # the rest of the line is still there when the end of the file is near
            place = replace(place, tail=after.partition("\n")[0])
        elif self.rng.random() < PIECES + DISTRACTORS:
            place = replace(place, pieces=self.pieces(record, before))
        prompt = layout.encode_place(place, budget, self.encode, middle, anchor=self.rng.randrange(100))
        length = len(self.encode(middle)[0])
        weights = [float(s) for s in prompt.scored]
        if length:
            weights[-length:] = [MIDDLE_WEIGHT] * min(length, len(weights))
        ids = prompt.ids + [layout.CONTROL_ID["eom"]]
        weights.append(MIDDLE_WEIGHT)
        return (ids, weights) if len(ids) <= room else None

    def plain(self, room: int) -> tuple[list[int], list[float]]:
        """Plain text of a file from its beginning or a random line, at most `room` tokens."""
        record = self.file()
        text = record["text"]
        at = 0 if self.rng.random() < 0.3 else text.rfind("\n", 0, self.rng.randrange(len(text))) + 1
        head = [layout.CONTROL_ID["bos"], layout.CONTROL_ID[f"lang:{record['language']}"], layout.CONTROL_ID["file"]]
        head += self.encode(record["path"] + "\n")[0][-(self.budget.file - 3) :]
        body = self.encode(text[at : at + room * 8])[0]
        ids = (head + body)[:room]
        return ids, ([0.0] * len(head) + [1.0] * len(body))[:room]

    def row(self) -> tuple[list[int], list[float]]:
        """One row of T + 1 ids with weights; the weight of the first id is never used."""
        length = self.budget.positions + 1
        ids: list[int] = []
        weights: list[float] = []
        misses = 0
        while len(ids) < length:
            room = length - len(ids)
            draw = self.rng.random()
            unit = None
            if draw < WITH_SUFFIX + WITHOUT_SUFFIX and misses < 2 and room > 60:
                unit = self.fill_in(room, draw < WITH_SUFFIX)
                misses += unit is None
            if unit is None and (draw >= WITH_SUFFIX + WITHOUT_SUFFIX or misses >= 2 or room <= 60):
                unit = self.plain(room)
            if unit:
                ids += unit[0]
                weights += unit[1]
        return ids, weights

    def batch(self, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """ids i64 [rows, T + 1] and weights f32 [rows, T + 1]."""
        drawn = [self.row() for _ in range(rows)]
        return np.array([i for i, _ in drawn], dtype=np.int64), np.array([w for _, w in drawn], dtype=np.float32)
