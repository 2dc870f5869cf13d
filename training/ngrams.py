"""Counts what follows the last few tokens in the whole corpus, and packs the useful part into a table.

A network that a CPU can train sees a few million tokens; counting sees all of them. The *n-gram table*
holds, for contexts of `LENGTHS` tokens, what followed them in at least two repositories, so no
sequence that stands in one project alone is in it. The network reads the table at every token and
learns how much to believe it (`memory.py`).

Form: u8 [buckets, WIDTH · 3]. A context's hash names one bucket and a check byte 1..255; each entry of
three bytes is (check, low byte of the next token, high five bits of it + 32 · level). 0 is no check,
so an unused entry matches nothing. `level` 0..7 says how often the token follows (`LEVELS`).

    python ngrams.py SHARD... --tokenizer T --output ngrams.npy --megabytes 38 [--apart]
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import regex
from tokenizers import Tokenizer

import layout
import shards
from tokenizer import PRE_TOKEN

LENGTHS: tuple[int, ...] = (2, 3, 4, 6)
"""Context lengths in tokens. One token is what the network itself learns first."""
WIDTH = 8
"""Entries of a bucket."""
PRIME = (1 << 45) - 55
"""Modulus of the hashes, so that every product and sum fits into an i64 of the graph."""
LEVELS: tuple[float, ...] = (0.03, 0.08, 0.16, 0.30, 0.50, 0.70, 0.88)
"""Borders between levels: the discounted share of a context's continuations that are this token."""
DISCOUNT = 0.75
"""Taken from every count before dividing (absolute discounting, Ney et al. 1994)."""
REPOSITORIES = 2
"""Repositories in which context and continuation must stand together."""
UNSEEN = 0.002
"""Share of a continuation that a shorter context does not list."""
RIVAL = 0.05
"""Nats that every entry is worth at least."""
APART = 6
"""One repository in so many is left out of the counts that a network learns to believe: where it had been
counted, its own text would seem far more predictable than a stranger's."""
PARTS = 24
"""Slices of the hash space counted one after another, to bound memory."""
BLOCK = 1 << 22
"""Positions hashed at a time."""
MEGABYTES_EACH = 2.5
"""Text counted of one repository: breadth tells more about a stranger's code than depth."""
_TOKEN_BITS = 13


def apart(repository: str) -> bool:
    """Whether a repository is one that the network is trained on and the counts leave out."""
    return hashlib.sha256(repository.encode()).digest()[0] % APART == 0


def factors(length: int) -> np.ndarray:
    """i64 [length]: what the tokens of a context are multiplied by, the last token first."""
    names = (f"{length}/{back}" for back in range(length))
    return np.array([int.from_bytes(hashlib.sha256(n.encode()).digest()[:8], "little") % PRIME for n in names], np.int64)


def hashes(ids: np.ndarray, length: int) -> np.ndarray:
    """ids [n] -> i64 [n]: the hash of the `length` tokens ending at each position, zeros in front of the first."""
    out = np.empty(len(ids), np.int64)
    for begin in range(0, len(ids), BLOCK):
        end = min(begin + BLOCK, len(ids))
        head = np.zeros(length - 1, np.int64)
        reach = min(begin, length - 1)
        head[length - 1 - reach :] = ids[begin - reach : begin]
        block = np.concatenate([head, ids[begin:end].astype(np.int64)])
        total = np.zeros(end - begin, np.int64)
        for back, factor in enumerate(factors(length)):
            from_ = length - 1 - back
            total += block[from_ : from_ + end - begin] * factor % PRIME
        out[begin:end] = total % PRIME
    return out


class Encoder:
    """Text -> ids u16, as the tokenizer does, but with every pre-token looked up only once."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer, self._split = tokenizer, regex.compile(PRE_TOKEN)
        self._known: dict[str, bytes] = {}

    def __call__(self, text: str) -> np.ndarray:
        known = self._known
        parts = self._split.findall(text.replace("<|", "< |"))
        for part in parts:
            if part not in known:
                known[part] = np.array(self._tokenizer.encode(part, add_special_tokens=False).ids, np.uint16).tobytes()
        return np.frombuffer(b"".join([known[p] for p in parts]), np.uint16)


@dataclass
class Texts:
    """All tokens of some repositories: ids u16 [n], files parted by a control token; `starts` of each repository, and the end."""

    ids: np.ndarray
    starts: list[int]


def encode(records: Iterable[dict[str, str]], encoder: Encoder) -> Iterator[tuple[str, np.ndarray]]:
    """(repository, ids) of one file after another, a control token in front, up to `MEGABYTES_EACH` of a repository."""
    taken: Counter[str] = Counter()
    for r in records:
        if taken[r["repo"]] > MEGABYTES_EACH * 1e6:
            continue
        taken[r["repo"]] += len(r["text"])
        yield r["repo"], np.concatenate([np.array([layout.CONTROL_ID["bos"]], np.uint16), encoder(r["text"])])


def gather(files: Iterable[tuple[str, np.ndarray]]) -> Texts:
    """Files of one repository put together."""
    by: dict[str, list[np.ndarray]] = {}
    for repository, ids in files:
        by.setdefault(repository, []).append(ids)
    starts, parts, at = [], [], 0
    for repository in sorted(by):
        starts.append(at)
        parts += by[repository]
        at += sum(map(len, by[repository]))
    return Texts(np.concatenate(parts), [*starts, at])


@dataclass
class Counts:
    """Continuations of one length, sorted by context and token: the context's hash i64, the next token, its
    discounted share of all that followed, occurrences, repositories, and one place (index of the context's last token)."""

    context: np.ndarray
    token: np.ndarray
    share: np.ndarray
    count: np.ndarray
    spread: np.ndarray
    place: np.ndarray

    def chosen(self, which: np.ndarray) -> Counts:
        """The rows that a mask or an order names."""
        return Counts(*(getattr(self, f.name)[which] for f in fields(self)))

    def find(self, context: np.ndarray, token: np.ndarray) -> np.ndarray:
        """f32: the share of each pair, `UNSEEN` where it was not counted."""
        if not len(self.context):
            return np.full(len(context), UNSEEN, np.float32)
        key, wanted = self.context << _TOKEN_BITS | self.token, context << _TOKEN_BITS | token
        at = np.searchsorted(key, wanted).clip(max=len(key) - 1)
        return np.where(key[at] == wanted, self.share[at], UNSEEN).astype(np.float32)


def count(texts: Texts, length: int, least: int = REPOSITORIES) -> Counts:
    """Everything that follows a context of `length` tokens in at least `least` repositories, sorted by context and token."""
    context = hashes(texts.ids, length)[:-1]
    clear = np.cumsum(texts.ids < layout.CONTROL_COUNT, dtype=np.int32)
    good = np.zeros(len(context), bool)  # no control token in the context or behind it
    before = np.concatenate([np.zeros(1, np.int32), clear])
    good[length - 1 :] = clear[length:] == before[: len(clear) - length]
    part_of = np.where(good, context % PARTS, PARTS).astype(np.uint8)
    del clear, before, good
    out = [_count_part(texts, context, np.flatnonzero(part_of == part), least) for part in range(PARTS)]
    merged = Counts(*(np.concatenate([getattr(c, f.name) for c in out]) for f in fields(Counts)))
    return merged.chosen(np.argsort(merged.context << _TOKEN_BITS | merged.token))


def _count_part(texts: Texts, context: np.ndarray, places: np.ndarray, least: int) -> Counts:
    """The same for the contexts that end at some places."""
    key = (context[places] << _TOKEN_BITS) | texts.ids[places + 1].astype(np.int64)
    order = np.argsort(key, kind="stable")
    key, places = key[order], places[order]
    repository = np.searchsorted(texts.starts, places, side="right")
    fresh = np.empty(len(key), bool)
    fresh[:1] = True
    fresh[1:] = key[1:] != key[:-1]
    first = np.flatnonzero(fresh)
    counts = np.diff(np.append(first, len(key)))
    changes = fresh.copy()
    changes[1:] |= repository[1:] != repository[:-1]  # places are ordered within a key, so repositories are too
    spread = np.add.reduceat(changes.astype(np.int32), first) if len(first) else first
    contexts = key[first] >> _TOKEN_BITS
    begins = np.flatnonzero(np.append(True, contexts[1:] != contexts[:-1])) if len(first) else first
    totals = np.add.reduceat(counts, begins) if len(first) else counts
    total = np.repeat(totals, np.diff(np.append(begins, len(first))))
    # A repository is the unit of evidence: three quarters of one are taken off, not of one occurrence.
    share = counts * (1 - DISCOUNT / spread) / total
    every = Counts(contexts, key[first] & ((1 << _TOKEN_BITS) - 1), share.astype(np.float32), counts.astype(np.int32), spread.astype(np.int32), places[first])
    return every.chosen(spread >= least)


def worth(texts: Texts, counts: Counts, length: int, shorter: tuple[int, Counts] | None) -> np.ndarray:
    """What an entry spares over what the next shorter context already says, in nats times (repositories · occurrences)^½.

    The root lies between trusting one repository's repetitions and counting each repository once. The
    small constant keeps the rivals of a useful entry, without which it would look like the only one.
    """
    before = np.full(len(counts.context), UNSEEN, np.float32)
    if shorter:
        hashed = hashes(texts.ids, shorter[0])
        before = shorter[1].find(hashed[counts.place], counts.token)
    gain = np.maximum(np.log(counts.share / before), 0.0) + RIVAL
    return (gain * np.sqrt(counts.spread.astype(np.float32) * counts.count)).astype(np.float32)


def pack(found: list[Counts], worths: list[np.ndarray], size: int) -> tuple[np.ndarray, int]:
    """The best of all lengths as a table of at most `size` bytes, and how many entries it holds."""
    buckets = size // (WIDTH * 3)
    context = np.concatenate([c.context for c in found])
    token = np.concatenate([c.token for c in found])
    level = np.digitize(np.concatenate([c.share for c in found]), LEVELS)
    bucket = context % buckets
    order = np.lexsort((-np.concatenate(worths), bucket))
    bucket, context, token, level = bucket[order], context[order], token[order], level[order]
    begins = np.flatnonzero(np.append(True, bucket[1:] != bucket[:-1]))
    rank = np.arange(len(bucket)) - np.repeat(begins, np.diff(np.append(begins, len(bucket))))
    keep = rank < WIDTH
    table = np.zeros((buckets, WIDTH, 3), np.uint8)
    entries = np.stack([context // buckets % 255 + 1, token & 255, (token >> 8) + 32 * level], axis=1)
    table[bucket[keep], rank[keep]] = entries[keep].astype(np.uint8)
    return table.reshape(buckets, WIDTH * 3), int(keep.sum())


def build(texts: Texts, size: int) -> np.ndarray:
    """The table of some texts."""
    found, worths, shorter = [], [], None
    for length in (1, *LENGTHS):
        begin = time.time()
        counts = count(texts, length)
        if length > 1:
            found.append(counts)
            worths.append(worth(texts, counts, length, shorter))
        shorter = (length, counts)
        print(f"{length} tokens: {len(counts.context)} continuations in {REPOSITORIES} or more repositories, {time.time() - begin:.0f} s", flush=True)
    table, held = pack(found, worths, size)
    print(f"{held} entries in {table.nbytes / 1e6:.1f} MB")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, nargs="+")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help=".npy, u8 [buckets, 24]")
    parser.add_argument("--megabytes", type=float, default=38.0)
    parser.add_argument("--apart", action="store_true", help="leave out the repositories that the network is trained on (`apart`)")
    args = parser.parse_args()
    encoder = Encoder(Tokenizer.from_file(str(args.tokenizer)))
    chosen = (r for r in shards.read(args.shards) if r["split"] == "train" and not (args.apart and apart(r["repo"])))
    texts = gather(encode(chosen, encoder))
    print(f"{len(texts.ids) / 1e6:.1f}M tokens of {len(texts.starts) - 1} repositories", flush=True)
    np.save(args.output, build(texts, int(args.megabytes * 1e6)))


if __name__ == "__main__":
    main()
