"""The prompt layout of the embedded model: which control tokens and texts, in which order.

A *place* is a cursor in a document with what surrounds it; a *section* is one control token or one
text that is encoded alone. This is the only Python description of the layout; the engine has its
own, and both are held to `layout_golden.json`. Do not put sampling or tensors here.

    <|bos|><|rust|><|file|>path\\n                   the document
    (<|ctx|>path\\npiece)*                           pieces of other files
    <|suf|>lines below the cursor's line            always present, its text may be empty
    <|pre|>lines above[<|tail|>rest of line<|cur|>]head of line
    -> middle <|eom|>
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

LANGUAGES: tuple[str, ...] = ("rust", "python", "javascript", "typescript", "tsx", "go", "java", "c", "cpp", "text", "lang10", "lang11")
_MARKS: tuple[str, ...] = ("bos", "eom", "pad", "suf", "pre", "tail", "cur", "ctx", "file")
CONTROL_COUNT: int = 48
"""Ids 0..47 are control tokens, in this order: marks, languages, reserved."""

CONTROLS: tuple[str, ...] = (
    _MARKS
    + tuple(f"lang:{name}" for name in LANGUAGES)
    + tuple(f"reserved_{i}" for i in range(len(_MARKS) + len(LANGUAGES), CONTROL_COUNT))
)
"""Control names; the position in this tuple is the token id."""

CONTROL_ID: dict[str, int] = {name: i for i, name in enumerate(CONTROLS)}

Encode = Callable[[str], "tuple[list[int], list[int]]"]
"""Text -> (token ids, character offset at which each token begins). No control id ever comes out."""


def spelling(control: str) -> str:
    """The string of a control token in `tokenizer.json`: `lang:rust` -> `<|rust|>`."""
    return f"<|{control.removeprefix('lang:')}|>"


@dataclass(frozen=True)
class Budget:
    """Tokens each part may take, control tokens counted in; the parts sum to at most `positions`."""

    positions: int
    file: int
    context: int
    suffix: int
    prefix: int
    tail: int
    generate: int


STAGE0 = Budget(positions=1024, file=24, context=192, suffix=160, prefix=560, tail=24, generate=48)
STAGE1 = Budget(positions=1536, file=24, context=384, suffix=256, prefix=800, tail=24, generate=48)


@dataclass(frozen=True)
class Piece:
    """A cut of another file of the same repository."""

    path: str
    text: str


@dataclass(frozen=True)
class Place:
    """A cursor. `prefix_lines` ends with a newline or is empty; `head` and `tail` hold none."""

    language: str
    path: str
    prefix_lines: str
    head: str
    tail: str = ""
    suffix: str = ""
    pieces: Sequence[Piece] = field(default_factory=tuple)


def place_at(language: str, path: str, before: str, after: str, pieces: Sequence[Piece] = ()) -> Place:
    """Splits the text before and after a cursor into the parts of a place."""
    cut = before.rfind("\n") + 1
    tail, _, suffix = after.partition("\n")
    return Place(language, path, before[:cut], before[cut:], tail, suffix, pieces)


def sections(place: Place) -> list[dict[str, str]]:
    """The sections of a place in order, `{"control": name}` or `{"text": text}`; empty texts are left out.

    A blank tail is no tail: without one, lines above and head are one text, because the model saw
    them (and the middle) encoded together.
    """
    out: list[dict[str, str]] = [{"control": "bos"}, {"control": f"lang:{place.language}"}, {"control": "file"}]
    out.append({"text": place.path + "\n"})
    for piece in place.pieces:
        out += [{"control": "ctx"}, {"text": f"{piece.path}\n{ended(piece.text)}"}]
    out += [{"control": "suf"}, {"text": place.suffix}, {"control": "pre"}]
    if place.tail.strip():
        out += [{"text": place.prefix_lines}, {"control": "tail"}, {"text": place.tail}, {"control": "cur"}, {"text": place.head}]
    else:
        out.append({"text": place.prefix_lines + place.head})
    return [s for s in out if s.get("text") != ""]


def ended(text: str) -> str:
    """The text with a newline at its end."""
    return text if text.endswith("\n") else text + "\n"


@dataclass(frozen=True)
class Prompt:
    """Token ids with what the trainer must know about them.

    `ids` is the whole row without the middle; `scored[i]` says whether predicting `ids[i]` is
    trained (code yes, control tokens, paths and pieces no); `head_ids` counts the last tokens of
    `ids` that belong to the section the middle continues.
    """

    ids: list[int]
    scored: list[bool]


def encode_place(place: Place, budget: Budget, encode: Encode, middle: str = "", low: float = 0.7, anchor: int = 0) -> Prompt:
    """A place as token ids within the budget, the middle (if any) joined to the text before the cursor.

    Parts over their budget lose: the path its beginning, the suffix its end, the prefix its first
    lines, the tail its end. When the lines above exceed `prefix`, their start jumps to a line start
    between `low`·prefix and prefix tokens back; `anchor` in 0..99 says where in that band, because
    serving moves the start rarely and so meets every length in it.
    """
    ids: list[int] = []
    scored: list[bool] = []

    def put(new: Sequence[int], score: bool) -> None:
        ids.extend(new)
        scored.extend([score] * len(new))

    put([CONTROL_ID["bos"], CONTROL_ID[f"lang:{place.language}"], CONTROL_ID["file"]], False)
    put(encode(place.path + "\n")[0][-(budget.file - 3) :], False)
    left = budget.context
    for piece in place.pieces:
        cost = encode(f"{piece.path}\n{ended(piece.text)}")[0][: left - 1]
        if left < 8:
            break
        put([CONTROL_ID["ctx"]], False)
        put(cost, False)
        left -= len(cost) + 1
    put([CONTROL_ID["suf"]], False)
    put(first_lines(place.suffix, budget.suffix - 1, encode), True)
    put([CONTROL_ID["pre"]], False)
    reserve = budget.prefix - 1
    if place.tail.strip():
        tail = encode(place.tail)[0][: budget.tail - 2]
        end = encode(place.head + middle)[0]
        head_length = len(encode(place.head)[0])
        put(window(place.prefix_lines, max(reserve - head_length, 0), encode, low, anchor), True)
        put([CONTROL_ID["tail"]], False)
        put(tail, False)
        put([CONTROL_ID["cur"]], False)
        put(end, True)
    else:
        text = place.prefix_lines + place.head
        extra = len(encode(middle)[0]) if middle else 0
        put(window(text + middle, reserve + extra, encode, low, anchor), True)
    return Prompt(ids, scored)


def first_lines(text: str, limit: int, encode: Encode) -> list[int]:
    """The tokens of whole lines from the start of `text`, at most `limit`; of its beginning where not even one line fits."""
    ids, offsets = encode(text[: limit * 8])
    if len(ids) <= limit:
        return ids
    for at in range(limit, 0, -1):
        if text[offsets[at] - 1] == "\n":
            return ids[:at]
    return ids[:limit]


def window(text: str, limit: int, encode: Encode, low: float, anchor: int) -> list[int]:
    """The last tokens of `text`, at most `limit`, beginning at a line start where there is one.

    A window that must be cut begins at a line start in the last `target` tokens, where `target`
    lies between low·limit (anchor 0) and limit (anchor 99).
    """
    if limit <= 0 or not text:
        return []
    reach = limit * 8
    cut = text.find("\n", len(text) - reach) + 1 if len(text) > reach else 0
    ids, offsets = encode(text[cut:])
    if len(ids) <= limit:
        return ids
    target = int(limit * (low + (1 - low) * anchor / 99))
    for at in range(len(ids) - target, len(ids)):
        where = offsets[at] + cut
        if where == 0 or text[where - 1] == "\n":
            return ids[at:]
    return ids[-target:]
