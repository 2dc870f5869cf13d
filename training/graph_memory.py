"""The n-gram table of `memory.py` as ONNX operators: integers and gathers, so every row is exact.

Needs the input `previous_ids` i64 [1, p]: PAD zeros, then all tokens before the first new one.
Shapes in comments leave the batch of one out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

import layout
import ngrams
from matching import KINDS, LONGEST, STEP
from memory import BACK, ENTRIES, LEVELS

if TYPE_CHECKING:
    from graph import Writer

_LENGTHS = len(ngrams.LENGTHS)


def whole(w: Writer, value: int) -> str:
    """A scalar i64."""
    return w.constant(f"whole.{value}", np.int64(value))


def axes(w: Writer, *values: int) -> str:
    """A list of i64."""
    return w.constant("axes." + ".".join(map(str, values)), np.array(values, np.int64))


def hashed(w: Writer) -> str:
    """i64 [s, lengths]: the hashes of the contexts that end at each new token (`ngrams.hashes`)."""
    factors = np.zeros((BACK + 1, _LENGTHS), np.int64)
    for i, length in enumerate(ngrams.LENGTHS):
        factors[:length, i] = ngrams.factors(length)
    history = w.node("Concat", ["previous_ids", "input_ids"], "history", axis=1)
    new = w.node("Slice", [w.node("Shape", ["input_ids"], "ids.shape"), axes(w, 1), axes(w, 2)], "ids.count")
    total = ""
    for back in range(BACK + 1):
        end = axes(w, -back if back else 2**31 - 1)
        begin = w.node("Sub", [axes(w, -back), new], f"memory.begin{back}")
        ids = w.node("Slice", [history, begin, end, axes(w, 1)], f"memory.back{back}")
        ids = w.node("Unsqueeze", [ids, axes(w, -1)], f"memory.back{back}.column")
        term = w.node("Mul", [ids, w.constant(f"memory.factors{back}", factors[back])], f"memory.term{back}")
        term = w.node("Mod", [term, whole(w, ngrams.PRIME)], f"memory.term{back}.mod")
        total = w.node("Add", [total, term], f"memory.sum{back}") if total else term
    return w.node("Mod", [total, whole(w, ngrams.PRIME)], "memory.hash")


def read(w: Writer, table: np.ndarray) -> dict[str, str]:
    """tokens and levels i64 [s, lengths, WIDTH], longest i64 0|1 [s, lengths, 1], best token and its level i64 [s, lengths]."""
    h, buckets = hashed(w), whole(w, len(table))
    check = w.node("Add", [w.node("Mod", [w.node("Div", [h, buckets], "memory.over"), whole(w, 255)], "memory.fold"), whole(w, 1)], "memory.check")
    row = w.node("Gather", [w.constant("ngrams", table), w.node("Mod", [h, buckets], "memory.bucket")], "memory.row")
    entries = w.node("Reshape", [row, axes(w, 0, 0, _LENGTHS, ngrams.WIDTH, 3)], "memory.entries")
    w.node("Split", [entries, axes(w, 1, 1, 1)], "memory.split", outputs=["memory.c", "memory.l", "memory.h"], axis=-1)
    checks, low, high = (w.node("Cast", [w.node("Squeeze", [f"memory.{x}", axes(w, -1)], f"memory.{x}1")], f"memory.{x}64", to=TensorProto.INT64) for x in "clh")
    listed = w.node("Equal", [checks, w.node("Unsqueeze", [check, axes(w, -1)], "memory.check1")], "memory.listed")
    level = w.node("Div", [high, whole(w, 32)], "memory.level")
    tokens = w.node("Add", [low, w.node("Mul", [w.node("Mod", [high, whole(w, 32)], "memory.upper"), whole(w, 256)], "memory.upper256")], "memory.tokens")
    levels = w.node("Where", [listed, level, whole(w, LEVELS)], "memory.levels")
    places = w.constant("memory.places", np.arange(ngrams.WIDTH - 1, -1, -1, dtype=np.int64))
    ranked = w.node("Add", [w.node("Mul", [level, whole(w, ngrams.WIDTH)], "memory.level8"), places], "memory.ranked")
    rank = w.node("Where", [listed, ranked, whole(w, -1)], "memory.rank")
    most = w.node("ReduceMax", [rank], "memory.most", axes=[-1], keepdims=0)
    at = w.node("ArgMax", [rank], "memory.at", axis=-1, keepdims=1)
    best = w.node("Squeeze", [w.node("GatherElements", [tokens, at], "memory.best1", axis=-1), axes(w, -1)], "memory.best")
    has = w.node("GreaterOrEqual", [most, whole(w, 0)], "memory.has")
    best_level = w.node("Where", [has, w.node("Div", [most, whole(w, ngrams.WIDTH)], "memory.most8"), whole(w, LEVELS)], "memory.best_level")
    longer = w.node("CumSum", [w.node("Cast", [has], "memory.has64", to=TensorProto.INT64), w.constant("memory.last", np.int64(-1))], "memory.longer", exclusive=1, reverse=1)
    longest = w.node("Cast", [w.node("Equal", [longer, whole(w, 0)], "memory.longest0")], "memory.longest1", to=TensorProto.INT64)
    return {"tokens": tokens, "levels": levels, "longest": w.node("Unsqueeze", [longest, axes(w, -1)], "memory.longest"), "best": best, "level": best_level}


def hints(w: Writer, listed: dict[str, str], state: dict[str, np.ndarray]) -> str:
    """f32 [s, lengths · 2·hd]: codes of the best tokens times their strength; `codes` is there already."""
    strength = state["memory.strength"][0].copy()
    strength[:, LEVELS] = 0.0
    offset = w.constant("memory.strength.at", np.arange(_LENGTHS, dtype=np.int64) * (LEVELS + 1))
    scale = w.node("Gather", [w.constant("memory.strength", strength.reshape(-1)), w.node("Add", [listed["level"], offset], "hint.at")], "hint.scale")
    code = w.node("Cast", [w.node("Gather", ["codes", listed["best"]], "hint.int")], "hint.code", to=TensorProto.FLOAT)
    scaled = w.node("Mul", [code, w.node("Unsqueeze", [scale, axes(w, -1)], "hint.scale1")], "hint.scaled")
    return w.node("Reshape", [scaled, axes(w, 0, 0, _LENGTHS * state["copy.codes"].shape[1])], "hint")


def match(w: Writer, rows: str) -> tuple[str, str]:
    """`matching.Matching.read` for the last `rows` (i64 [1]) positions: tokens i64 [n, 2], cells i64 [n, 2] into first and second beliefs."""
    history = w.node("Squeeze", ["history", axes(w, 0)], "match.history")
    end = w.node("Squeeze", [w.node("Shape", [history], "match.shape")], "match.end")
    back = w.constant("match.back", -np.arange(LONGEST, dtype=np.int64)[None])
    begin = w.node("Sub", [end, w.node("Squeeze", [rows], "match.rows")], "match.begin")
    here = w.node("Unsqueeze", [w.node("Range", [begin, end, whole(w, 1)], "match.here"), axes(w, 1)], "match.here1")
    # Earlier positions whose follower is known; the zeros in front are controls and never matched further.
    there = w.node("Range", [whole(w, LONGEST - 1), w.node("Sub", [end, whole(w, 1)], "match.stop"), whole(w, 1)], "match.there")
    places = w.node("Add", [w.node("Unsqueeze", [there, axes(w, 1)], "match.there1"), back], "match.there.at")
    ours = w.node("Gather", [history, w.node("Add", [here, back], "match.here.at")], "match.ours")
    theirs = w.node("Gather", [history, places], "match.theirs")
    equal = w.node("Equal", [w.node("Unsqueeze", [ours, axes(w, 1)], "match.ours1"), w.node("Unsqueeze", [theirs, axes(w, 0)], "match.theirs1")], "match.equal")
    differs = w.node("Cast", [w.node("Not", [equal], "match.not")], "match.differs", to=TensorProto.INT32)
    until = w.node("ArgMax", [differs], "match.until", axis=-1, keepdims=0)
    any_differs = w.node("Cast", [w.node("ReduceMax", [differs], "match.any", axes=[-1], keepdims=0)], "match.any1", to=TensorProto.BOOL)
    length = w.node("Where", [any_differs, until, whole(w, LONGEST)], "match.length")
    following = w.node("Gather", [history, w.node("Add", [there, whole(w, 1)], "match.next.at")], "match.next")
    text = w.node("GreaterOrEqual", [following, whole(w, layout.CONTROL_COUNT)], "match.text")
    earlier = w.node("Less", [w.node("Unsqueeze", [there, axes(w, 0)], "match.there0"), here], "match.earlier")
    allowed = w.node("And", [w.node("And", [earlier, text], "match.both"), w.node("Greater", [length, whole(w, 0)], "match.some")], "match.allowed")
    score = w.node("Add", [w.node("Mul", [length, whole(w, STEP)], "match.scaled"), there], "match.score")
    rank = w.node("Where", [allowed, score, whole(w, -1)], "match.rank")

    def best(rank: str, name: str) -> tuple[str, str]:
        """Token and length (0 where nothing is left) of the highest rank: i64 [n]."""
        most = w.node("ReduceMax", [rank], f"{name}.most", axes=[-1], keepdims=0)
        token = w.node("Gather", [following, w.node("ArgMax", [rank], f"{name}.at", axis=-1, keepdims=0)], f"{name}.next")
        found = w.node("GreaterOrEqual", [most, whole(w, 0)], f"{name}.found")
        size = w.node("Where", [found, w.node("Div", [most, whole(w, STEP)], f"{name}.over"), whole(w, 0)], f"{name}.length")
        return w.node("Where", [found, token, whole(w, 0)], f"{name}.token"), size

    first, a = best(rank, "match.first")
    same = w.node("Equal", [following, w.node("Unsqueeze", [first, axes(w, 1)], "match.first1")], "match.same")
    longest = w.node("And", [w.node("Equal", [length, w.node("Unsqueeze", [a, axes(w, 1)], "match.a1")], "match.equals"), allowed], "match.longest")
    count = w.node("ReduceSum", [w.node("Cast", [longest], "match.longest1", to=TensorProto.INT64), axes(w, 1)], "match.count", keepdims=0)
    agree = w.node("ReduceSum", [w.node("Cast", [w.node("And", [longest, same], "match.agrees")], "match.agrees1", to=TensorProto.INT64), axes(w, 1)], "match.agree", keepdims=0)
    half = w.node("Where", [w.node("Less", [w.node("Mul", [agree, whole(w, 2)], "match.twice"), count], "match.few"), whole(w, 3), whole(w, 2)], "match.half")
    some = w.node("Where", [w.node("Equal", [agree, count], "match.all"), whole(w, 1), half], "match.part")
    kind = w.node("Where", [w.node("Greater", [count, whole(w, 1)], "match.several"), some, whole(w, 0)], "match.kind")
    second, b = best(w.node("Where", [same, whole(w, -1), rank], "match.others"), "match.second")
    first_cell = w.node("Add", [w.node("Mul", [a, whole(w, KINDS)], "match.a4"), kind], "match.cell1")
    second_cell = w.node("Add", [w.node("Add", [w.node("Mul", [a, whole(w, LONGEST + 1)], "match.a9"), b], "match.cell"), whole(w, (LONGEST + 1) * KINDS)], "match.cell2")
    pairs = [[w.node("Unsqueeze", [x, axes(w, 1)], f"{x}.column") for x in pair] for pair in ((first, second), (first_cell, second_cell))]
    return w.node("Concat", pairs[0], "match.tokens", axis=1), w.node("Concat", pairs[1], "match.cells", axis=1)


def match_beliefs(w: Writer, cells: str, gate: str, state: dict[str, np.ndarray]) -> str:
    """f32 [n, 2]: what the two candidates add; cells without a candidate add nothing. `gate` f32 [1, n, 2]."""
    first, second = state["matching.first"].copy(), state["matching.second"].copy()
    first[0], second[:, 0] = 0.0, 0.0
    there = np.concatenate([np.ones_like(first) * (np.arange(len(first)) > 0)[:, None], np.ones_like(second) * (np.arange(second.shape[1]) > 0)], axis=None)
    value = w.node("Gather", [w.constant("match.belief", np.concatenate([first, second], axis=None)), cells], "match.value")
    counts = w.node("Gather", [w.constant("match.there.mask", there.astype(np.float32)), cells], "match.counts")
    return w.node("Add", [value, w.node("Mul", [counts, gate], "match.lift")], "match.beliefs")


def add_beliefs(w: Writer, logits: str, gate: str, listed: dict[str, str], state: dict[str, np.ndarray], last: list[str], rows: str) -> None:
    """Writes `logits`: the network's plus each listed continuation's belief. `gate` f32 [n, lengths + 2]; `last` cuts the last rows, of which there are `rows` (i64 [1])."""
    w.node("Split", [gate, axes(w, _LENGTHS, 2)], "belief.gates", outputs=["belief.gate", "match.gate"], axis=-1)
    matched, cells = match(w, rows)
    matches = match_beliefs(w, cells, "match.gate", state)
    tokens, levels, longest = (w.node("Slice", [listed[k], *last], f"belief.{k}") for k in ("tokens", "levels", "longest"))
    belief = np.zeros((2, _LENGTHS, LEVELS + 1), np.float32)
    belief[..., :LEVELS] = state["memory.belief"]
    offset = w.constant("memory.belief.at", (np.arange(_LENGTHS, dtype=np.int64) * (LEVELS + 1))[:, None])
    shorter = w.node("Mul", [w.node("Sub", [whole(w, 1), longest], "belief.shorter"), whole(w, _LENGTHS * (LEVELS + 1))], "belief.half")
    index = w.node("Add", [w.node("Add", [levels, offset], "belief.cell"), shorter], "belief.index")
    value = w.node("Gather", [w.constant("memory.belief", belief.reshape(-1)), index], "belief.value")
    counts = w.node("Cast", [w.node("Less", [levels, whole(w, LEVELS)], "belief.listed")], "belief.listed1", to=TensorProto.FLOAT)
    share = w.node("Mul", [counts, w.node("Cast", [longest], "belief.longest1", to=TensorProto.FLOAT)], "belief.gated")
    lift = w.node("Mul", [share, w.node("Unsqueeze", ["belief.gate", axes(w, -1)], "belief.gate1")], "belief.lift")
    flat = axes(w, 0, 0, ENTRIES)
    values = w.node("Reshape", [w.node("Add", [value, lift], "belief.sum"), flat], "belief.flat")
    values = w.node("Concat", [values, matches], "belief.all", axis=-1)
    tokens = w.node("Concat", [w.node("Reshape", [tokens, flat], "belief.tokens.flat"), w.node("Unsqueeze", [matched, axes(w, 0)], "match.tokens1")], "belief.tokens.all", axis=-1)
    w.node("ScatterElements", [logits, tokens, values], "logits", axis=-1, reduction="add")
