"""What followed the longest earlier occurrence of the last tokens, in the prompt itself.

The copying heads compare three tokens by sight, the rest is learned; this compares up to `LONGEST`
exactly. For a position, every earlier one is scored by how many tokens ending there equal those ending
here. The *first* candidate is what followed the longest match, the latest of equals; the *second*
what followed the best match that says otherwise. Each adds a learned belief to its token's logit:
the first by its length and by how far the matches of that length agree (`KINDS`), the second by both
lengths. The field knows the idea as a pointer or cache model (Grave et al., arXiv 1612.04426).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

import layout

LONGEST = 8
"""Tokens compared at most."""
KINDS = 4
"""How the longest matches agree: there is one; all agree; at least half agree; fewer do."""
PAD = 16
"""Zeros that stand before the text in `previous_ids`, at least as many as any look back needs."""
STEP = 1 << 12
START = (0.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5)
"""Belief before training by length, of the first candidate; half of it for the second."""


class Matching(nn.Module):
    """Two candidates of each position."""

    def __init__(self) -> None:
        super().__init__()
        start = torch.tensor(START)
        self.first = nn.Parameter(start[:, None].repeat(1, KINDS))
        self.second = nn.Parameter((start / 2)[None].repeat(LONGEST + 1, 1))

    @torch.no_grad()
    def read(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """ids i64 [b, t] -> tokens i64 [b, t, 2], cells i64 [b, t, 3]: first length, kind, second length (0: no candidate)."""
        out = [self._row(row) for row in ids]
        return torch.stack([a for a, _ in out]), torch.stack([b for _, b in out])

    def _row(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        t = len(ids)
        unit = (ids == layout.CONTROL_ID["bos"]).cumsum(0)
        following = torch.cat([ids[1:], ids.new_zeros(1)])
        # [i, j]: position j < i of the same text, whose follower is a token of text
        allowed = torch.ones(t, t, dtype=torch.bool, device=ids.device).tril(-1)
        allowed &= (unit[:, None] == unit[None]) & (following >= layout.CONTROL_COUNT)[None]
        equal = ids[:, None] == ids[None]
        run = equal & allowed
        length = run.to(torch.int32)
        for back in range(1, LONGEST):
            shifted = torch.zeros_like(equal)
            shifted[back:, back:] = equal[:-back, :-back]
            run = run & shifted
            length += run
        rank = torch.where(length > 0, length * STEP + torch.arange(t, dtype=torch.int32, device=ids.device), -1)
        best, at = rank.max(dim=1)
        first = torch.where(best >= 0, following[at], 0)
        first_length = torch.where(best >= 0, best // STEP, 0).long()
        same = following[None] == first[:, None]
        longest = (length == first_length[:, None]) & (length > 0)
        count, agree = longest.sum(1), (longest & same).sum(1)
        kind = torch.where(count <= 1, 0, torch.where(agree == count, 1, torch.where(2 * agree >= count, 2, 3)))
        best, at = rank.masked_fill(same, -1).max(dim=1)
        second = torch.where(best >= 0, following[at], 0)
        second_length = torch.where(best >= 0, best // STEP, 0).long()
        return torch.stack([first, second], 1), torch.stack([first_length, kind, second_length], 1)

    def beliefs(self, cells: Tensor, gate: Tensor) -> Tensor:
        """What each candidate adds to its token's logit: f32 [n, 2], from rows of `read` and the gate f32 [n, 2]."""
        a, kind, b = cells.unbind(-1)
        value = torch.stack([self.first[a, kind], self.second[a, b]], -1) + gate
        return value * torch.stack([a > 0, b > 0], -1)
