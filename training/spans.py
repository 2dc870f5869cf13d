"""Chooses what is hidden: a cursor and the middle that follows it, in a file's text.

A *span* is (start, end) in characters; the middle is `text[start:end]`. The four kinds are those of
the evaluation too: `eol` to the end of the line, `block` to the end of an indentation block, `arg`
an argument, a bracket's content or the rest of an identifier, `chars` any run of characters.
Syntax-shaped spans teach a small model most (arXiv 2506.00204, 2412.16589).
"""

from __future__ import annotations

import random
import re

Span = tuple[int, int]

KINDS: tuple[tuple[str, float], ...] = (("eol", 0.45), ("block", 0.30), ("arg", 0.15), ("chars", 0.10))
BLOCK_CHARACTERS = 360
"""Longest block of stage 0 in characters (about 100 tokens): what is generated ends at 48 tokens. Stage 1 uses 700."""
_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_WORD = re.compile(r"\w+")


def choose(text: str, rng: random.Random, block: int = BLOCK_CHARACTERS) -> tuple[str, Span]:
    """A kind by its share and a span of it; falls back to `eol` where the text offers none."""
    kind = rng.choices([k for k, _ in KINDS], [w for _, w in KINDS])[0]
    span = of_kind(text, kind, rng, block)
    return (kind, span) if span else ("eol", to_line_end(text, rng.randrange(len(text))))


def of_kind(text: str, kind: str, rng: random.Random, block: int = BLOCK_CHARACTERS) -> Span | None:
    """A span of the kind at a random place, or None after eight tries."""
    for _ in range(8):
        at = rng.randrange(len(text))
        if kind == "eol":
            return to_line_end(text, at)
        if kind == "block":
            span = to_block_end(text, at, rng, block)
        elif kind == "arg":
            span = argument(text, at, rng)
        else:
            span = (at, min(len(text), at + int(2 ** rng.uniform(1, 6.5))))
        if span:
            return span
    return None


def to_line_end(text: str, at: int) -> Span:
    """From a character to the end of its line, the newline left out."""
    end = text.find("\n", at)
    return at, len(text) if end < 0 else end


def indentation(line: str) -> int:
    """Columns before the first visible character; a tab counts four."""
    bare = line.lstrip(" \t")
    return len(line[: len(line) - len(bare)].expandtabs(4))


def to_block_end(text: str, at: int, rng: random.Random, limit: int) -> Span | None:
    """From somewhere in a line to the end of its block: the body it opens, else what is left of the block it is in.

    A closing line (`}`, `)`, `]`, `end`) belongs to the body it closes. At least two lines, at most
    `limit` characters.
    """
    start = text.rfind("\n", 0, at) + 1
    lines = text[start : start + 4 * limit].split("\n")
    if not lines[0].strip():
        return None
    base = indentation(lines[0])
    following = [i for i in range(1, len(lines)) if lines[i].strip()]
    if not following:
        return None
    opens = indentation(lines[following[0]]) > base
    last = 0
    for i in following:
        depth = indentation(lines[i])
        if opens and depth <= base:
            if depth == base and lines[i].strip()[:1] in ("}", ")", "]"):
                last = i
            break
        if not opens and depth < base:
            break
        last = i
    if last == 0 or last == len(lines) - 1:
        return None
    cursor = at if rng.random() < 0.5 else start + len(lines[0]) - (len(lines[0].lstrip()) if rng.random() < 0.5 else 0)
    end = start + len("\n".join(lines[: last + 1]))
    return (cursor, end) if cursor < end <= cursor + limit else None


def argument(text: str, at: int, rng: random.Random) -> Span | None:
    """The rest of an identifier, or what stands in the next bracket up to its partner or the next comma; one line only."""
    line_end = to_line_end(text, at)[1]
    if rng.random() < 0.4:
        word = _WORD.search(text, at, line_end)
        if not word or word.end() - word.start() < 3:
            return None
        return rng.randrange(word.start() + 1, word.end()), word.end()
    opener = next((i for i in range(at, line_end) if text[i] in _CLOSERS), None)
    if opener is None:
        return None
    ends = ends_in_bracket(text, opener, line_end)
    if not ends:
        return None
    return opener + 1, ends[-1] if rng.random() < 0.6 else ends[0]


def ends_in_bracket(text: str, opener: int, limit: int) -> list[int]:
    """Positions of the top-level commas and at last of the partner of the bracket at `opener`; empty without partner before `limit`."""
    stack = [_CLOSERS[text[opener]]]
    ends: list[int] = []
    for i in range(opener + 1, limit):
        c = text[i]
        if c in _CLOSERS:
            stack.append(_CLOSERS[c])
        elif c == stack[-1]:
            stack.pop()
            if not stack:
                return ends + [i] if i > opener + 1 else []
        elif c == "," and len(stack) == 1:
            ends.append(i)
    return []
