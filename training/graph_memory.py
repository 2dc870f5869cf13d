"""The n-gram table of `memory.py` as ONNX operators: integers and gathers, so every row is exact.

Needs the input `previous_ids` i64 [1, BACK]: the tokens before the first new one, zeros (`<|bos|>`)
where the text begins. Shapes in comments leave the batch of one out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

import ngrams
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
    padded = w.node("Concat", ["previous_ids", "input_ids"], "memory.ids", axis=1)
    total = ""
    for back in range(BACK + 1):
        end = -back if back else 2**31 - 1
        ids = w.node("Slice", [padded, axes(w, BACK - back), axes(w, end), axes(w, 1)], f"memory.back{back}")
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


def add_beliefs(w: Writer, logits: str, gate: str, listed: dict[str, str], state: dict[str, np.ndarray], last: list[str]) -> None:
    """Writes `logits`: the network's plus each listed continuation's belief. `gate` f32 [n, lengths]; `last` cuts the last rows."""
    tokens, levels, longest = (w.node("Slice", [listed[k], *last], f"belief.{k}") for k in ("tokens", "levels", "longest"))
    belief = np.zeros((2, _LENGTHS, LEVELS + 1), np.float32)
    belief[..., :LEVELS] = state["memory.belief"]
    offset = w.constant("memory.belief.at", (np.arange(_LENGTHS, dtype=np.int64) * (LEVELS + 1))[:, None])
    shorter = w.node("Mul", [w.node("Sub", [whole(w, 1), longest], "belief.shorter"), whole(w, _LENGTHS * (LEVELS + 1))], "belief.half")
    index = w.node("Add", [w.node("Add", [levels, offset], "belief.cell"), shorter], "belief.index")
    value = w.node("Gather", [w.constant("memory.belief", belief.reshape(-1)), index], "belief.value")
    counts = w.node("Cast", [w.node("Less", [levels, whole(w, LEVELS)], "belief.listed")], "belief.listed1", to=TensorProto.FLOAT)
    share = w.node("Mul", [counts, w.node("Cast", [longest], "belief.longest1", to=TensorProto.FLOAT)], "belief.gated")
    lift = w.node("Mul", [share, w.node("Unsqueeze", [gate, axes(w, -1)], "belief.gate1")], "belief.lift")
    flat = axes(w, 0, 0, ENTRIES)
    total = w.node("Reshape", [w.node("Add", [value, lift], "belief.sum"), flat], "belief.flat")
    w.node("ScatterElements", [logits, w.node("Reshape", [tokens, flat], "belief.tokens.flat"), total], "logits", axis=-1, reduction="add")
