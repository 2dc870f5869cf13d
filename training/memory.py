"""The network's use of the n-gram table (`ngrams.py`): what followed the last tokens elsewhere.

At every position the table is read for each context length. What it lists enters twice: the most
likely continuation of each length goes into the stream at the bottom as its code (those of
`copying.py`), and every listed continuation adds a learned belief to its token's logit at the top.
Lengths are not independent, so the longest context that lists anything has beliefs of its own, and
a gate on the stream; the shorter ones add smaller beliefs. The table itself is counted, not trained.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

import ngrams

LEVELS = len(ngrams.LEVELS) + 1
ENTRIES = len(ngrams.LENGTHS) * ngrams.WIDTH
"""Continuations listed for one position at most."""
BACK = max(ngrams.LENGTHS) - 1
"""Tokens that a context reaches back at most."""
START = (0.3, 0.8, 1.2, 1.7, 2.2, 2.8, 3.5, 4.5)
"""Beliefs before training, by level, of the longest context; half of it for the others."""
STRENGTH = 0.5


class Memory(nn.Module):
    """ids i64 [b, t] -> tokens i64, beliefs' indices i64, longest bool, each [b, t, ENTRIES], and the best token with its level [b, t, lengths]."""

    def __init__(self, table: np.ndarray) -> None:
        super().__init__()
        lengths = len(ngrams.LENGTHS)
        self.register_buffer("table", torch.from_numpy(table), persistent=False)
        factors = np.zeros((BACK + 1, lengths), np.int64)
        for i, length in enumerate(ngrams.LENGTHS):
            factors[:length, i] = ngrams.factors(length)
        self.register_buffer("factors", torch.from_numpy(factors), persistent=False)
        start = torch.tensor(START)
        one = torch.stack([start, start / 2])[:, None].expand(2, lengths, LEVELS)
        self.belief = nn.Parameter(one.contiguous().clone())
        self.strength = nn.Parameter(torch.full((1, lengths, LEVELS + 1), STRENGTH))

    @torch.no_grad()
    def read(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """tokens, levels (LEVELS where the entry is not for this context), `longest`: [b, t, lengths, WIDTH], [..], [b, t, lengths, 1]; best token and level [b, t, lengths]."""
        b, t = ids.shape
        padded = torch.cat([ids.new_zeros(b, BACK), ids], dim=1)
        hashed = ids.new_zeros(b, t, len(ngrams.LENGTHS))
        for back in range(BACK + 1):
            hashed += padded[:, BACK - back : BACK - back + t, None] * self.factors[back] % ngrams.PRIME
        hashed %= ngrams.PRIME
        buckets = len(self.table)
        entries = self.table[hashed % buckets].view(b, t, -1, ngrams.WIDTH, 3).long()
        check = hashed // buckets % 255 + 1
        listed = entries[..., 0] == check[..., None]
        tokens = entries[..., 1] + entries[..., 2] % 32 * 256
        levels = torch.where(listed, entries[..., 2] // 32, LEVELS)
        places = torch.arange(ngrams.WIDTH - 1, -1, -1, device=ids.device)  # no ties: the graph must choose alike
        rank = torch.where(listed, entries[..., 2] // 32 * ngrams.WIDTH + places, -1)
        most, at = rank.max(dim=-1)
        best = tokens.gather(-1, at[..., None])[..., 0]
        has = most >= 0
        longer = has.flip(-1).long().cumsum(-1).flip(-1) - has.long()  # how many longer contexts list anything
        return tokens, levels, (longer == 0)[..., None], best, torch.where(has, most // ngrams.WIDTH, LEVELS)

    def hints(self, best: Tensor, level: Tensor, codes: Tensor) -> Tensor:
        """Codes of the best tokens, scaled by their levels' strengths, nothing where there is none: f32 [b, t, lengths · 2·hd]."""
        strength = self.strength[0, torch.arange(len(ngrams.LENGTHS), device=best.device), level]
        strength = strength * (level < LEVELS)
        return (nn.functional.embedding(best, codes) * strength[..., None]).flatten(-2)

    def beliefs(self, levels: Tensor, longest: Tensor, gate: Tensor) -> Tensor:
        """What each entry adds to its token's logit: f32 [n, ENTRIES], from rows of `read` and the gate f32 [n, lengths]."""
        lengths = torch.arange(len(ngrams.LENGTHS), device=levels.device)[:, None]
        listed = levels < LEVELS
        level = levels.clamp(max=LEVELS - 1)
        value = torch.where(longest, self.belief[0, lengths, level] + gate[..., None], self.belief[1, lengths, level])
        return (value * listed).flatten(-2)
