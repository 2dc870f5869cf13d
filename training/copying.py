"""Fixed heads that look up what followed an earlier occurrence of the last tokens.

Copying from the text above is what a small completion model is worth most for. It needs two layers of
attention to work together ("induction heads", Olsson et al., arXiv 2209.11895), which gradient descent
finds only after far more tokens than a CPU sees in an afternoon: after 4.7M tokens the plain network
gained 0.0 nats on the second of two equal texts. So the circuit is written down and never trained;
what is trained is how much to believe it.

Every token has a *code*, two head sizes of random signs (64 at stage 0). The first step brings the codes of the tokens one, two and
three back. The second compares, for *order* 1, 2 and 3, as many last tokens with those before every
earlier position, and averages the codes of what stood there: `found` [.., 3, 64], near a code where
there is one match, near zero where there is none. In the graph both are GroupQueryAttention nodes with
the shape of all others, so a runtime sees two more layers and nothing else (`graph.py`).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ORDERS = 3
"""Last tokens compared at most."""
GROUPS = 2
"""Key-value heads; each carries half of a code. All layers of a package must agree, so models have two."""
SLOTS = ((0, 12), (12, 22), (22, 32))
"""Of 32 dimensions, those that stand for the last token, the one before, and the third, in a comparison."""
HEAT = (3.0, 3.0, 3.0)
"""Factor on the comparison per order: a full match of order 3 scores 3 · 32 / sqrt(32) = 17, a chance one 0 ± 3."""
SHARPNESS = 40.0
BELIEF = (0.0, 2.0, 4.0)
"""What a full match adds to a token's logit before training: the best of six on rows of validation repositories."""
SEED = 99


def slots(hd: int) -> list[tuple[int, int]]:
    """SLOTS for a head size (a multiple of 32)."""
    return [(a * hd // 32, b * hd // 32) for a, b in SLOTS]


class Copy(nn.Module):
    """ids i64 [b, t] -> found f32 [b, t, 3, 2·hd]. No parameter, no gradient."""

    def __init__(self, vocabulary: int, hd: int) -> None:
        super().__init__()
        self.slots = slots(hd)
        signs = torch.randint(0, 2, (vocabulary, GROUPS * hd), generator=torch.Generator().manual_seed(SEED)) * 2.0 - 1.0
        self.register_buffer("codes", signs)

    @torch.no_grad()
    def forward(self, ids: Tensor) -> Tensor:
        code = F.embedding(ids, self.codes)
        back = [code[:, (torch.arange(ids.shape[1], device=ids.device) - n).clamp(min=0)] for n in range(ORDERS + 1)]
        key = torch.cat([back[n + 1][..., a:b] for n, (a, b) in enumerate(self.slots)], dim=-1)
        query = torch.stack([self.query(back, order) for order in range(1, ORDERS + 1)], dim=1)
        found = F.scaled_dot_product_attention(query, key[:, None], code[:, None].expand(-1, ORDERS, -1, -1), is_causal=True)
        return found.transpose(1, 2).float()

    def query(self, back: list[Tensor], order: int) -> Tensor:
        """[b, t, hd]: the last `order` tokens in their slots, the other slots zero."""
        parts = [back[n][..., a:b] * (HEAT[order - 1] if n < order else 0.0) for n, (a, b) in enumerate(self.slots)]
        return torch.cat(parts, dim=-1)


def turning(hd: int, theta: float = 10_000.0) -> list[tuple[float, list[float], list[float]]]:
    """Per rotary pair: the key (real part), and the query (real, imaginary) of each distance 1, 2, 3.

    With key 1 and query e^(-i·angle·distance), the rotated product is cos(angle · (gap - distance)),
    largest at the distance; the weights make neighbours lose by at least e^10.
    """
    weights = [2.5, 2.0, 1.0, 1.0, 1.0, 1.0]
    out = []
    for i, weight in enumerate(weights):
        size = math.sqrt(weight * SHARPNESS)
        angle = theta ** (-2 * i / hd)
        out.append((size, [size * math.cos(angle * n) for n in (1, 2, 3)], [-size * math.sin(angle * n) for n in (1, 2, 3)]))
    return out

