"""Generates as the server does: prompt, healing, greedy decoding, cuts and gate.

*Owed* text is the end of the prefix that leaves the prompt (its last pre-token, or the blanks of an
otherwise empty head) and must be spelled again by the first tokens, because the model never saw half
a pre-token end a prompt. A *cut* is a beginning of the answer that could be shown. This mirrors
`server/infer/src/heal.rs` and `server/engine/src/suggestion/gate.rs`; change both or none.
"""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

import layout
import rows
from items import Item
from runtime import Session

OWED_BYTES = 32
WORD_END_FROM = 8


@dataclass(frozen=True)
class Answer:
    """Generated text with, per token that holds some of it, its end in the text and its log-probability (nats).

    `complete`: it ended by itself rather than by the budget. `first` is the text of the first token.
    """

    text: str
    ends: list[int]
    logps: list[float]
    complete: bool
    first: str


@dataclass(frozen=True)
class Cut:
    """A beginning `text[:end]` that could be shown; `line` for line ends and complete answers, else a word end."""

    end: int
    line: bool
    total: float
    count: int


class Generator:
    """A package folder, ready to answer items."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self.manifest = tomllib.loads((folder / "manifest.toml").read_text())
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.encode = rows.encoder(self.tokenizer)
        positions = self.manifest["graph"]["max_positions"]
        self.budget = layout.Budget(positions=positions, **self.manifest["budget"])
        self.session = Session(folder / "model.onnx", positions, threads)
        self.spelled = spellings(folder / "tokenizer.json")
        self._starts: dict[bytes, list[int]] = defaultdict(list)
        for i, spelled in enumerate(self.spelled):
            for end in range(1, len(spelled) + 1):
                self._starts[spelled[:end]].append(i)
        self._exact = {s: i for i, s in enumerate(self.spelled) if s}

    def allowed(self, owed: bytes) -> list[int]:
        """Ids that spell a part of the owed bytes from the front, or all of them and more."""
        parts = [self._exact[owed[:end]] for end in range(1, len(owed)) if owed[:end] in self._exact]
        return parts + self._starts.get(owed, [])

    def owed(self, text: str) -> str:
        """The end of the text before the cursor that is to be spelled again."""
        line = text[text.rfind("\n") + 1 :]
        if not line.strip():
            return line if len(line.encode()) <= OWED_BYTES else ""
        piece = text[-400:]
        start = self.tokenizer.pre_tokenizer.pre_tokenize_str(piece)[-1][1][0]
        owed = piece[start:]
        return owed if len(owed.encode()) <= OWED_BYTES else ""

    def answer(self, item: Item) -> Answer:
        """The greedy answer at an item's cursor, without pieces."""
        after = item["suffix"]
        place = layout.place_at(item["language"], item["path"], item["prefix"], after)
        whole = place.head if place.tail.strip() else place.prefix_lines + place.head
        owed = self.owed(whole)
        before = item["prefix"][: len(item["prefix"]) - len(owed)]
        kept = layout.place_at(item["language"], item["path"], before, place.tail + "\n" + place.suffix if "\n" in after else place.tail)
        ids = layout.encode_place(kept, self.budget, self.encode, low=0.85).ids
        return self.continue_from(ids, owed.encode(), self.budget.generate + len(owed.encode()))

    def continue_from(self, ids: list[int], owed: bytes, most: int) -> Answer:
        """Greedy decoding after `ids`, at most `budget.generate` tokens of text and `most` steps."""
        self.session.rewind(0)
        logits = self.session.prefill(ids)[0]
        out = b""
        ends: list[int] = []
        logps: list[float] = []
        first = ""
        for _ in range(min(most, self.budget.positions - len(ids) - 1)):
            left = owed[len(out) :] if len(out) < len(owed) else b""
            index = np.array(self.allowed(left) if left else range(len(logits)))
            row = logits[index]
            at = int(row.argmax())
            logp = float(-np.log(np.exp(row - row[at]).sum()))
            token = int(index[at])
            if not self.spelled[token]:
                return self._answer(out, owed, ends, logps, True, first)
            out += self.spelled[token]
            if len(out) > len(owed):
                ends.append(len(out) - len(owed))
                logps.append(logp)
                first = first or out[len(owed) :].decode("utf-8", "ignore")
            if len(ends) >= self.budget.generate:
                break
            logits = self.session.run([token])[0]
        return self._answer(out, owed, ends, logps, False, first)

    def _answer(self, out: bytes, owed: bytes, ends: list[int], logps: list[float], complete: bool, first: str) -> Answer:
        raw = out[len(owed) :]
        characters = [len(raw[:e].decode("utf-8", "ignore")) for e in ends]
        return Answer(raw.decode("utf-8", "ignore"), characters, logps, complete, first)


def spellings(path: Path) -> list[bytes]:
    """The bytes of every id of a byte-level `tokenizer.json`; control tokens spell nothing."""
    spec = json.loads(path.read_text())
    alphabet = byte_alphabet()
    out = [b""] * (max(spec["model"]["vocab"].values()) + 1)
    special = {t["id"] for t in spec["added_tokens"] if t["special"]}
    for text, i in spec["model"]["vocab"].items():
        if i not in special:
            out[i] = bytes(alphabet[c] for c in text)
    return out


def byte_alphabet() -> dict[str, int]:
    """The printable character that stands for each byte in byte-level BPE (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(b): b for b in plain}
    rest = [b for b in range(256) if b not in plain]
    return table | {chr(256 + n): b for n, b in enumerate(rest)}


def is_word(c: str) -> bool:
    """Whether a character belongs to a word."""
    return c.isalnum() or c == "_"


def cuts(answer: Answer) -> list[Cut]:
    """All cuts of an answer, longest first."""
    text = answer.text
    found: list[tuple[int, bool, bool]] = []
    previous = " "
    for at, c in enumerate(text):
        if c in "\r\n" and previous not in "\r\n" and at > 0:
            found.append((at, True, False))
        elif is_word(previous) and not is_word(c):
            found.append((at, False, False))
        previous = c
    if text:
        found.append((len(text), answer.complete, True))
    out: list[Cut] = []
    count, total = 0, 0.0
    for end, line, last in found:
        while count < len(answer.ends) and (count == 0 or answer.ends[count - 1] < end):
            total += answer.logps[count]
            count += 1
        if line or count >= WORD_END_FROM or (last and not answer.complete):
            out.append(Cut(end, line, total, count))
    return out[::-1]


def probability(cut: Cut, gate: dict[str, dict[str, float]]) -> float:
    """P that the text up to the cut is exactly right, by the manifest's gate."""
    one = gate.get("line" if cut.line else "word", gate)
    return 1.0 / (1.0 + float(np.exp(-(one["a"] + one["b"] * cut.total + one["c"] * cut.count))))  # type: ignore[operator]


def is_right(item: Item, text: str, line: bool) -> bool:
    """Whether a shown text is exactly what stood there: the whole middle, or a beginning of it (with what
    follows) that ends where a line, or for word cuts a word, ends."""
    if text == item["middle"]:
        return True
    truth = item["middle"] + item["suffix"][:400]
    if not truth.startswith(text) or not text.strip():
        return False
    following = truth[len(text) : len(text) + 1]
    return following in ("", "\n") if line else not is_word(following or " ")
