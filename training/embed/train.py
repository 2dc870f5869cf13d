"""Trains the static embedder: a row of numbers for each term, and how much a term counts in questions and in code.

    python embed/train.py PAIRS.npz TABLE.npz --minutes 30

The vector of a text is the sum over its terms of `sqrt(occurrences) * weight * row`, made a unit vector: a neural bag
of words, the baseline of CodeSearchNet (arXiv 1909.09436). Questions and chunks share the rows and have weights of
their own; weights start as a/(a+p) (Arora et al., ICLR 2017). The loss is InfoNCE (arXiv 1807.03748) over the batch
and, for a share of the pairs, a BM25 hard negative. A batch takes its pairs from few repositories, so that a quarter
of the other chunks are of the same project: random negatives alone teach nothing that words do not know. Gradients are
written out by hand: the model is two sparse products, and needs no framework. Everything is seeded; the number of
steps depends on the machine, and threads of the BLAS may differ in the last bits.

Shapes: rows [columns, dimension] float32, weights [columns] float32 (log), batch B questions and C >= B chunks.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import scipy.sparse as sp

SIF = 1e-3
BATCH, REPOSITORIES = 1024, 4
HARD_SHARE = 0.25
"""Pairs that bring a hard negative into the batch; each costs as much as a pair."""
MASKED = 0.5
"""Share of pairs whose chunk comes without its name and head: else it learns to match names, which words can do."""
RATE, RATE_WEIGHT = 4e-3, 1e-2
BETA1, BETA2, EPSILON = 0.9, 0.99, 1e-8
EVALUATED = 250
"""Questions of each validation repository and kind."""


def matrix(data: "np.lib.npyio.NpzFile", name: str, columns: int) -> sp.csr_matrix:
    """A sparse matrix of PAIRS.npz."""
    indptr = data[f"{name}_indptr"]
    return sp.csr_matrix((data[f"{name}_data"], data[f"{name}_indices"], indptr), (len(indptr) - 1, columns))


def unit(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors [n, d] and the lengths [n, 1] they had."""
    lengths = np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-6)
    return x / lengths, lengths


def back_unit(gradient: np.ndarray, units: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Gradient before `unit` from the one behind it."""
    return (gradient - units * (gradient * units).sum(1, keepdims=True)) / lengths


class Table:
    """Rows and weights with their Adam moments (arXiv 1412.6980); only columns that a batch touches are moved."""

    def __init__(self, columns: int, dimension: int, counts: np.ndarray, texts: int, homing: float, rng: np.random.Generator) -> None:
        self.rows = (rng.standard_normal((columns, dimension)) / dimension**0.5).astype(np.float32)
        sif = SIF / (SIF + counts / texts)
        self.weights = {k: np.log(sif).astype(np.float32) for k in ("query", "code")}
        self.scale = np.float32(np.log(14.0))
        self.home, self.homing = self.rows.copy(), homing
        self.moments = [np.zeros_like(self.rows), np.zeros_like(self.rows)]
        self.weight_moments = {k: [np.zeros(columns, np.float32), np.zeros(columns, np.float32)] for k in self.weights}
        self.scale_moments = [0.0, 0.0]
        self.step = 0

    def embed(self, texts: sp.csr_matrix, side: str) -> np.ndarray:
        """Unit vectors [n, d] of sparse texts [n, columns]."""
        weighed = texts.multiply(np.exp(self.weights[side])[None, :]).tocsr()
        return unit(weighed @ self.rows)[0]

    def adam(self, value: np.ndarray, moments: list[np.ndarray], at: np.ndarray, gradient: np.ndarray, rate: float) -> None:
        """One step of the touched entries."""
        first = moments[0][at] * BETA1 + gradient * (1 - BETA1)
        second = moments[1][at] * BETA2 + gradient * gradient * (1 - BETA2)
        moments[0][at], moments[1][at] = first, second
        first = first / (1 - BETA1**self.step)
        second = second / (1 - BETA2**self.step)
        value[at] -= rate * first / (np.sqrt(second) + EPSILON)

    def learn(self, question: sp.csr_matrix, code: sp.csr_matrix, same: np.ndarray, rate: float) -> float:
        """One step on questions [B] and chunks [C], the first B of them right; `same` [B, C] marks right ones elsewhere."""
        self.step += 1
        touched = np.zeros(len(self.rows), bool)
        touched[question.indices] = True
        touched[code.indices] = True
        columns = np.flatnonzero(touched)
        where = np.cumsum(touched, dtype=np.int32) - 1
        q0 = sp.csr_matrix((question.data, where[question.indices], question.indptr), (question.shape[0], len(columns)))
        c0 = sp.csr_matrix((code.data, where[code.indices], code.indptr), (code.shape[0], len(columns)))
        rows = self.rows[columns]
        wq, wc = np.exp(self.weights["query"][columns]), np.exp(self.weights["code"][columns])
        q1, c1 = q0.copy(), c0.copy()
        q1.data = q1.data * wq[q1.indices]
        c1.data = c1.data * wc[c1.indices]
        q, q_length = unit(q1 @ rows)
        c, c_length = unit(c1 @ rows)
        scale = np.exp(self.scale)
        count = q.shape[0]
        cosines = q @ c.T
        logits = scale * cosines
        logits[same] = -1e9
        at = np.arange(count)
        # Question to chunk over all chunks, chunk to question over the right ones.
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        loss = -np.log(np.maximum(p[at, at], 1e-12)).mean()
        back = logits[:, :count]
        r = np.exp(back - back.max(0, keepdims=True))
        r /= r.sum(0, keepdims=True)
        g = p.copy()
        g[at, at] -= 1
        r[at, at] -= 1
        g[:, :count] += 0.5 * r
        g /= count
        g[same] = 0
        scale_gradient = float((g * cosines).sum() * scale)
        gq = back_unit(scale * (g @ c), q, q_length)
        gc = back_unit(scale * (g.T @ q), c, c_length)
        dq, dc = q0.T.tocsr() @ gq, c0.T.tocsr() @ gc
        self.adam(self.rows, self.moments, columns, wq[:, None] * dq + wc[:, None] * dc, rate)
        self.rows[columns] -= self.homing * (rate / RATE) * (self.rows[columns] - self.home[columns])
        for side, d, w in (("query", dq, wq), ("code", dc, wc)):
            self.adam(self.weights[side], self.weight_moments[side], columns, (d * rows).sum(1) * w, rate / RATE * RATE_WEIGHT)
        m = self.scale_moments
        m[0] = m[0] * BETA1 + scale_gradient * (1 - BETA1)
        m[1] = m[1] * BETA2 + scale_gradient**2 * (1 - BETA2)
        step = m[0] / (1 - BETA1**self.step) / ((m[1] / (1 - BETA2**self.step)) ** 0.5 + EPSILON)
        self.scale = np.float32(np.clip(self.scale - rate * step, np.log(5.0), np.log(50.0)))
        return float(loss)


def dropped(texts: sp.csr_matrix, share: float, rng: np.random.Generator) -> sp.csr_matrix:
    """The texts without some of their terms."""
    kept = rng.random(len(texts.indices)) >= share
    counts = np.add.reduceat(np.append(kept, False), texts.indptr[:-1]) if texts.shape[0] else np.zeros(0, int)
    counts = np.where(np.diff(texts.indptr) > 0, counts, 0)
    indptr = np.concatenate([[0], np.cumsum(counts)])
    return sp.csr_matrix((texts.data[kept], texts.indices[kept], indptr), texts.shape)


def reciprocal(scores: np.ndarray, gold: np.ndarray) -> float:
    """Mean reciprocal rank; `scores` [questions, chunks], ties behind the right one count against it."""
    right = scores[np.arange(len(gold)), gold][:, None]
    return float((1 / np.maximum((scores >= right).sum(1), 1)).mean())


def evaluate(table: Table, query: sp.csr_matrix, whole: sp.csr_matrix, bare: sp.csr_matrix, data: dict[str, np.ndarray], words: sp.csr_matrix) -> dict[str, float]:
    """MRR on validation repositories: words (BM25-like, one field), vectors, and both, for documentation and commits."""
    found: dict[str, list[float]] = {}
    for repository in np.flatnonzero(data["validation"]):
        inside = np.flatnonzero(data["code_repo"] == repository)
        vectors = table.embed(whole[inside], "code")
        for kind, name in ((0, "doc"), (1, "commit")):
            pairs = np.flatnonzero((data["pair_repo"] == repository) & (data["pair_kind"] == kind))[:EVALUATED]
            if len(pairs) < 50:
                continue
            gold = data["pair_code"][pairs] - inside[0]
            asked = query[data["pair_query"][pairs]]
            dense = table.embed(asked, "query") @ vectors.T
            lexical = ((asked > 0).astype(np.float32) @ words[inside].T).toarray()
            both = 0.7 * lexical / np.maximum(lexical.max(1, keepdims=True), 1e-6) + 0.3 * np.maximum(dense, 0) / np.maximum(dense.max(1, keepdims=True), 1e-6)
            for system, scores in (("words", lexical), ("vectors", dense), ("both", both)):
                found.setdefault(f"{name} {system}", []).append(reciprocal(scores, gold))
    return {k: round(float(np.mean(v)), 4) for k, v in found.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--dropped", type=float, default=0.1, help="share of the terms left out of each text, so that rare terms do not learn pairs by heart")
    parser.add_argument("--home", type=float, default=0.0, help="how far a step draws touched rows back to where they began; a term that says nothing sure of others then stays a direction of its own, which is what matching words is")
    parser.add_argument("--all", action="store_true", help="learn from the validation repositories too; their figures mean nothing then")
    arguments = parser.parse_args()
    data = np.load(arguments.pairs)
    counts = data["counts"]
    columns = len(counts)
    query, code, head = (matrix(data, name, columns) for name in ("query", "code", "head"))
    whole = (code + head).tocsr()
    arrays = {k: data[k] for k in ("pair_query", "pair_code", "pair_kind", "pair_repo", "code_repo", "hard", "validation")}
    texts = query.shape[0] + code.shape[0]
    rng = np.random.default_rng(arguments.seed)
    table = Table(columns, arguments.dimension, counts, texts, arguments.home, rng)
    # BM25 weights of one field over the whole corpus, to compare with.
    occurrences = whole.copy()
    occurrences.data = occurrences.data**2
    lengths = np.asarray(occurrences.sum(1)).ravel()
    saturation = 1.2 * (0.25 + 0.75 * lengths / lengths.mean())
    words = occurrences.tocoo()
    idf = np.log(1 + (texts - counts + 0.5) / (counts + 0.5))
    words = sp.csr_matrix((idf[words.col] * words.data * 2.2 / (words.data + saturation[words.row]), (words.row, words.col)), whole.shape, dtype=np.float32)
    learnt = np.ones(len(arrays["validation"]), bool) if arguments.all else ~arrays["validation"]
    groups = {r: np.flatnonzero(arrays["pair_repo"] == r) for r in np.flatnonzero(learnt)}
    groups = {r: g for r, g in groups.items() if len(g) >= 100}
    names = np.array(list(groups))
    share = np.array([len(groups[r]) for r in names], float) ** 0.7
    share /= share.sum()
    print(f"{len(names)} repositories, {sum(map(len, groups.values()))} pairs, {code.shape[0]} chunks, {columns} columns", flush=True)
    print(json.dumps(evaluate(table, query, whole, code, arrays, words)), flush=True)
    # Chunks without name and head, then the same with them: a row number picks the one or the other.
    stacked = sp.vstack([code, whole]).tocsr()
    start = time.monotonic()
    told, losses = start, []
    while (spent := (time.monotonic() - start) / 60) < arguments.minutes:
        done = spent / arguments.minutes
        rate = RATE * min(1.0, (table.step + 1) / 30) * (1 - done) ** 0.7 + 1e-5
        chosen = rng.choice(names, REPOSITORIES, replace=False, p=share)
        pairs = np.concatenate([rng.choice(groups[r], BATCH // REPOSITORIES, replace=len(groups[r]) < BATCH // REPOSITORIES) for r in chosen])
        right = arrays["pair_code"][pairs]
        hard = np.flatnonzero(rng.random(len(pairs)) < HARD_SHARE)
        codes = np.concatenate([right, arrays["hard"][pairs[hard], rng.integers(0, arrays["hard"].shape[1], len(hard))]])
        masked = rng.random(len(codes)) < MASKED
        chunks = stacked[np.where(masked, codes, codes + code.shape[0])]
        asked = arrays["pair_query"][pairs]
        questions = query[asked]
        same = right[:, None] == codes[None, :]
        same[:, : len(pairs)] |= asked[:, None] == asked[None, :]
        same[np.arange(len(pairs)), np.arange(len(pairs))] = False
        losses.append(table.learn(dropped(questions, arguments.dropped, rng), dropped(chunks, arguments.dropped, rng), same, rate))
        if time.monotonic() - told > 180:
            told = time.monotonic()
            print(f"{spent:.1f} min, step {table.step}, loss {np.mean(losses[-50:]):.3f}, scale {np.exp(table.scale):.1f}", json.dumps(evaluate(table, query, whole, code, arrays, words)), flush=True)
            np.savez(arguments.table, rows=table.rows, query=table.weights["query"], code=table.weights["code"], terms=data["terms"], steps=table.step, scale=table.scale)
    print(json.dumps(evaluate(table, query, whole, code, arrays, words)), flush=True)
    np.savez(arguments.table, rows=table.rows, query=table.weights["query"], code=table.weights["code"], terms=data["terms"], steps=table.step, scale=table.scale)


if __name__ == "__main__":
    main()
