"""The network: a Llama-like decoder with grouped queries and tied embeddings.

Pre-norm RMSNorm, rotary positions (half-split, theta 10,000), SwiGLU, no biases, no QK norm (the fused
attention of the runtime has it on GPUs only). Every product with a weight goes through `Linear`, so
that fake quantisation is one switch. Do not add a part that `export.py` cannot write exactly.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import copying
import matching
import memory
import ngrams
import quantise

EPSILON = 1e-5


@dataclass(frozen=True)
class Shape:
    """Sizes of the network; `hd` must be a multiple of 16 for the runtime's rotary kernel. `memory` 1: with an n-gram table."""

    d: int
    layers: int
    ff: int
    heads: int
    kv: int
    hd: int
    vocabulary: int = 8192
    positions: int = 512
    memory: int = 0
    theta: float = 10_000.0

    def as_dict(self) -> dict[str, float]:
        """The sizes by name, as they stand in a checkpoint."""
        return asdict(self)


STAGE0 = Shape(d=192, layers=4, ff=512, heads=6, kv=2, hd=32, positions=1024, memory=1)
STAGE1 = Shape(d=512, layers=12, ff=1408, heads=8, kv=2, hd=64, positions=1536)
SHAPES = {0: STAGE0, 1: STAGE1, 2: Shape(d=384, layers=8, ff=1056, heads=6, kv=2, hd=64, positions=1536)}
"""By number on the command line; 2 is stage 1 where fewer than 350k tokens a second are reached."""


class Linear(nn.Module):
    """x [..., n_in] -> x·Wᵀ [..., n_out]; with `fake`, weights and rows are rounded as the int8 export rounds them."""

    def __init__(self, n_in: int, n_out: int, gain: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) * gain * n_in**-0.5)
        self.fake = False

    def forward(self, x: Tensor) -> Tensor:
        if self.fake:
            return F.linear(quantise.fake_rows(x), quantise.fake_weight(self.weight))
        return F.linear(x, self.weight)


class Norm(nn.Module):
    """RMSNorm over the last axis: x / sqrt(mean(x²) + 1e-5) · weight, in f32."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x.float(), (x.shape[-1],), self.weight, EPSILON)


def rotary(shape: Shape, length: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """cos and sin f32 [length, hd/2] (RoFormer, arXiv 2104.09864; half-split order of GPT-NeoX and Llama)."""
    inverse = shape.theta ** (-torch.arange(0, shape.hd, 2, dtype=torch.float64, device=device) / shape.hd)
    angle = torch.arange(length, dtype=torch.float64, device=device)[:, None] * inverse
    return angle.cos().float(), angle.sin().float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotates x [b, h, t, hd] by cos, sin [t, hd/2]."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Block(nn.Module):
    """Attention and SwiGLU, each behind a norm and added to the stream [b, t, d]. Output matrices begin at zero."""

    def __init__(self, s: Shape) -> None:
        super().__init__()
        self.s = s
        self.norm1, self.norm2 = Norm(s.d), Norm(s.d)
        self.q, self.k, self.v = (Linear(s.d, n * s.hd, 0.7) for n in (s.heads, s.kv, s.kv))
        self.o = Linear(s.heads * s.hd, s.d, 0.0)
        self.gate, self.up = Linear(s.d, s.ff, 0.7), Linear(s.d, s.ff, 0.7)
        self.down = Linear(s.ff, s.d, 0.0)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        s, (b, t, _) = self.s, x.shape
        n = self.norm1(x)
        q, k, v = (m(n).view(b, t, -1, s.hd).transpose(1, 2) for m in (self.q, self.k, self.v))
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        k, v = (y.repeat_interleave(s.heads // s.kv, dim=1) for y in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(b, t, -1))
        n = self.norm2(x)
        return x + self.down(F.silu(self.gate(n)) * self.up(n))


@dataclass(frozen=True)
class Listed:
    """Continuations that the n-gram table and the matches list: tokens i64 and what to add to their logits f32, each [.., ENTRIES + 2]."""

    tokens: Tensor
    beliefs: Tensor


class Model(nn.Module):
    """ids i64 [b, t] -> final stream [b, t, d], copied codes [b, t, 2·hd] and what the n-gram table lists
    (`forward`), from them logits (`logits`).

    Embedding and head are one table [V, d]. What the copying heads found enters twice: into the stream
    at the bottom, and, gated by the stream at the top, into the logits; so does what the n-gram table
    lists (`memory.py`), and the longest match adds to the logits (`matching.py`). `table` u8 [buckets, 24] is needed where the shape has a memory.
    """

    def __init__(self, shape: Shape, table: np.ndarray | None = None) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Parameter(torch.randn(shape.vocabulary, shape.d) * 0.02)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.d)
        self.copy = copying.Copy(shape.vocabulary, shape.hd)
        self.found_in = Linear(copying.ORDERS * copying.GROUPS * shape.hd, shape.d, 0.0)
        self.found_gate = Linear(shape.d, copying.ORDERS, 0.0)
        self.found_bias = nn.Parameter(torch.tensor(copying.BELIEF))
        self.memory = None
        if shape.memory:
            self.memory = memory.Memory(np.zeros((1, 3 * ngrams.WIDTH), np.uint8) if table is None else table)
            lengths = len(ngrams.LENGTHS)
            self.hints_in = Linear(lengths * copying.GROUPS * shape.hd, shape.d, 0.0)
            self.matching = matching.Matching()
            self.memory_gate = Linear(shape.d, lengths + 2, 0.0)
        cos, sin = rotary(shape, shape.positions + 1)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.fake = False

    def table(self) -> Tensor:
        """The embedding table as used: rounded per row when fake quantisation is on."""
        return quantise.fake_weight(self.embedding) if self.fake else self.embedding

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor, Listed | None]:
        found = self.copy(ids)
        x = F.embedding(ids, self.table()) + self.found_in(found.flatten(-2)).float()
        if self.memory:
            tokens, levels, longest, best, level = self.memory.read(ids)
            x = x + self.hints_in(self.memory.hints(best, level, self.copy.codes)).float()
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, cos, sin)
        n = self.norm(x)
        gate = self.found_gate(n).float() + self.found_bias
        copied = (gate[..., None] * found).sum(-2) / found.shape[-1]
        if not self.memory:
            return n, copied, None
        gate = self.memory_gate(n).float()
        beliefs = self.memory.beliefs(levels, longest, gate[..., :-2])
        matched, cells = self.matching.read(ids)
        tokens = torch.cat([tokens.flatten(-2), matched], -1)
        return n, copied, Listed(tokens, torch.cat([beliefs, self.matching.beliefs(cells, gate[..., -2:])], -1))

    def logits(self, n: Tensor, copied: Tensor, listed: Listed | None) -> Tensor:
        """Stream rows [r, d], copied codes [r, 2·hd] and listed tokens [r, ENTRIES + 2] -> logits [r, V]."""
        if self.fake:
            n, copied = quantise.fake_rows(n), quantise.fake_rows(copied)
        logits = F.linear(n, self.table()) + F.linear(copied, self.copy.codes)
        return logits if listed is None else logits.scatter_add(1, listed.tokens, listed.beliefs)

    def set_fake(self, on: bool) -> None:
        """Switches fake quantisation of weights and rows everywhere."""
        self.fake = on
        for m in self.modules():
            if isinstance(m, Linear):
                m.fake = on


def parameters(model: Model) -> tuple[int, int]:
    """(parameters of the blocks and norms, parameters of the table)."""
    table = model.embedding.numel()
    return sum(p.numel() for p in model.parameters()) - table, table
