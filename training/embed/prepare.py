"""Turns terms of chunks into the arrays that training reads: vocabulary, sparse texts, pairs, hard negatives.

    python embed/prepare.py TERMS OUT.npz [--apart TERMS_OF_EVALUATION]

TERMS holds one `owner+name.jsonl` a repository, as `cargo run -p foretoken-benches --bin terms` writes it. A *pair*
is a question (the first paragraph of a documentation, the subject of a commit, the heading of a section) and the
chunk that answers it. Chunks whose text stands in a repository of `--apart` are left out, whoever copied it.

Arrays of OUT.npz, texts as sparse rows (CSR) over `terms` + buckets:
  terms            [vocabulary] str, by falling frequency; `counts` [columns] float32 how many texts hold it
  {query,code,head}_{indptr,indices,data}   rows of questions, of chunks without name and head, of names with heads
  pair_query, pair_code, pair_kind, pair_repo [pairs] int32; code_repo [chunks] int32
  hard             [pairs, HARD] int32, chunks of the same repository that BM25 ranks FIRST_HARD..LAST_HARD
  repositories     [repositories] str; validation [repositories] bool
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from buckets import BUCKETS, trigrams

TERMS = 32_768
"""Terms with a row of their own; all others share those of their trigrams."""
LIMITS = {"doc": 3000, "commit": 1500, "section": 400}
"""Pairs of each kind and repository: breadth beats bulk."""
KINDS = tuple(LIMITS)
CHUNKS = 6000
"""Chunks of a repository that can be negatives."""
FEWEST_TERMS = 3
"""Terms of a question, and of a chunk, that says something."""
HARD, FIRST_HARD, LAST_HARD = 8, 3, 50
K1, B = 1.2, 0.75
"""BM25 as the index has it."""
VALIDATION_EVERY = 16
APART_TERMS = 20
"""Chunks with fewer terms are alike by chance."""


def digest(text: str) -> bytes:
    """Identity of a text."""
    return hashlib.blake2b(text.encode(), digest_size=12).digest()


class Rows:
    """Sparse rows under construction: `sqrt(occurrences)` of each term, a term without a row spread over its trigrams."""

    def __init__(self, known: dict[str, int]) -> None:
        self.known, self.indptr, self.indices, self.data = known, [0], [], []
        self.cache: dict[str, list[int]] = {}

    def add(self, text: str) -> int:
        """Appends a text; returns its number."""
        row: dict[int, float] = {}
        for term, count in Counter(text.split()).items():
            value = count**0.5
            column = self.known.get(term)
            if column is not None:
                row[column] = row.get(column, 0.0) + value
                continue
            if term not in self.cache:
                self.cache[term] = trigrams(term)
            buckets = self.cache[term]
            for bucket in buckets:
                row[TERMS + bucket] = row.get(TERMS + bucket, 0.0) + value / len(buckets)
        self.indices.append(np.fromiter(row.keys(), np.int32, len(row)))
        self.data.append(np.fromiter(row.values(), np.float32, len(row)))
        self.indptr.append(self.indptr[-1] + len(row))
        return len(self.indptr) - 2

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The three arrays of the matrix."""
        return {
            f"{name}_indptr": np.array(self.indptr, np.int64),
            f"{name}_indices": np.concatenate(self.indices) if self.indices else np.zeros(0, np.int32),
            f"{name}_data": np.concatenate(self.data) if self.data else np.zeros(0, np.float32),
        }


def read(path: Path, apart: set[bytes]) -> tuple[list[dict[str, str]], list[tuple[str, str, int]]]:
    """Chunks of a repository and its pairs (kind, question, number of the chunk), both without repetitions."""
    rng = np.random.default_rng(int.from_bytes(digest(path.stem)[:4], "little"))
    rows = [json.loads(line) for line in path.open()]
    chunks: list[dict[str, str]] = []
    numbers: dict[bytes, int] = {}
    pairs: dict[str, list[tuple[str, str, int]]] = {kind: [] for kind in KINDS}
    met: set[tuple[str, bytes]] = set()
    per_kind = Counter()
    for at in rng.permutation(len(rows)):
        row = rows[at]
        key = digest(row["rest"])
        if len(row["rest"].split()) < FEWEST_TERMS or key in apart:
            continue
        kind = "commit" if "subject" in row else "doc" if "doc" in row else "section" if row["kind"] == "section" else ""
        question = row["subject"] if kind == "commit" else row["doc"] if kind == "doc" else row["names"] if kind == "section" else ""
        asks = kind != "" and len(question.split()) >= (2 if kind == "section" else FEWEST_TERMS)
        asks = asks and per_kind[kind] < LIMITS[kind] and (question, key) not in met
        if not asks and (kind == "commit" or len(chunks) >= CHUNKS):
            continue
        if key not in numbers:
            numbers[key] = len(chunks)
            # A commit's question may be answered by what the documentation says; a section's must not be by its heading.
            rest = f"{row['rest']} {row.get('doc', '')}" if kind == "commit" else row["rest"]
            head = "" if kind == "section" else f"{row['names']} {row['head']}"
            chunks.append({"rest": rest, "head": head})
        if asks:
            met.add((question, key))
            per_kind[kind] += 1
            pairs[kind].append((kind, question, numbers[key]))
    return chunks, [pair for kind in KINDS for pair in pairs[kind]]


def hard_negatives(questions: list[str], chunks: list[str], gold: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Chunks [questions, HARD] that BM25 ranks behind FIRST_HARD, the gold one never among them."""
    known: dict[str, int] = {}
    tokens = [[known.setdefault(t, len(known)) for t in c.split()] for c in chunks]
    counts = [Counter(t) for t in tokens]
    lengths = np.array([len(t) for t in tokens], np.float32)
    average = lengths.mean()
    held = np.zeros(len(known), np.float32)
    for c in counts:
        held[list(c)] += 1
    idf = np.log(1 + (len(chunks) - held + 0.5) / (held + 0.5))
    index = sp.csr_matrix(
        (
            np.concatenate([np.fromiter((v * (K1 + 1) / (v + K1 * (1 - B + B * n / average)) for v in c.values()), np.float32, len(c)) for c, n in zip(counts, lengths)]),
            np.concatenate([np.fromiter(c.keys(), np.int32, len(c)) for c in counts]),
            np.cumsum([0, *(len(c) for c in counts)]),
        ),
        (len(chunks), len(known)),
    ).multiply(idf[None, :])  # fmt: skip
    index = index.tocsc().T.tocsr()
    found = np.zeros((len(questions), HARD), np.int32)
    for start in range(0, len(questions), 512):
        asked = [[known[t] for t in set(q.split()) if t in known] for q in questions[start : start + 512]]
        asked_matrix = sp.csr_matrix(
            (np.ones(sum(map(len, asked)), np.float32), np.array([t for a in asked for t in a], np.int32), np.cumsum([0, *map(len, asked)])),
            (len(asked), len(known)),
        )
        scores = (asked_matrix @ index).toarray()
        scores[np.arange(len(asked)), gold[start : start + 512]] = -1
        most = min(LAST_HARD, len(chunks))
        best = np.argpartition(-scores, most - 1, axis=1)[:, :most]
        order = np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, 1), axis=1), 1)[:, FIRST_HARD:]
        picks = rng.integers(0, order.shape[1], (len(asked), HARD))
        found[start : start + len(asked)] = np.take_along_axis(order, picks, 1)
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("terms", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--apart", type=Path)
    arguments = parser.parse_args()
    apart: set[bytes] = set()
    for path in sorted(arguments.apart.glob("*.jsonl")) if arguments.apart else []:
        for line in path.open():
            rest = json.loads(line)["rest"]
            if len(rest.split()) >= APART_TERMS:
                apart.add(digest(rest))
    rng = np.random.default_rng(7)
    texts = {path.stem: read(path, apart) for path in sorted(arguments.terms.glob("*.jsonl"))}
    frequency: Counter[str] = Counter()
    for chunks, pairs in texts.values():
        for chunk in chunks:
            frequency.update(set(chunk["rest"].split()) | set(chunk["head"].split()))
        for _, question, _ in pairs:
            frequency.update(set(question.split()))
    terms = [t for t, _ in sorted(frequency.items(), key=lambda item: (-item[1], item[0]))[:TERMS]]
    known = {t: i for i, t in enumerate(terms)}
    query, code, head = Rows(known), Rows(known), Rows(known)
    table: dict[str, list[np.ndarray]] = {k: [] for k in ("pair_query", "pair_code", "pair_kind", "pair_repo", "code_repo", "hard")}
    for number, (name, (chunks, pairs)) in enumerate(texts.items()):
        first = len(code.indptr) - 1
        for chunk in chunks:
            code.add(chunk["rest"])
            head.add(chunk["head"])
        gold = np.array([at for _, _, at in pairs], np.int32)
        whole = [f"{c['head']} {c['rest']}" for c in chunks]
        if len(pairs):
            table["hard"].append(hard_negatives([q for _, q, _ in pairs], whole, gold, rng) + first)
            table["pair_query"].append(np.array([query.add(q) for _, q, _ in pairs], np.int32))
            table["pair_code"].append(gold + first)
            table["pair_kind"].append(np.array([KINDS.index(k) for k, _, _ in pairs], np.int32))
            table["pair_repo"].append(np.full(len(pairs), number, np.int32))
        table["code_repo"].append(np.full(len(chunks), number, np.int32))
        print(name, len(chunks), Counter(k for k, _, _ in pairs), flush=True)
    names = list(texts)
    counts = np.zeros(TERMS + BUCKETS, np.float32)
    for rows in (query, code):
        for indices in rows.indices:
            counts[indices] += 1
    np.savez(
        arguments.out,
        terms=np.array(terms),
        counts=counts,
        repositories=np.array(names),
        validation=np.array([digest(n)[0] % VALIDATION_EVERY == 0 for n in names]),
        **{k: np.concatenate(v) for k, v in table.items()},
        **query.arrays("query"),
        **code.arrays("code"),
        **head.arrays("head"),
    )


if __name__ == "__main__":
    main()
