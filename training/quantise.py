"""Rounding to eight bits, once for the trainer (fake, differentiable) and once for the export (real).

Weights: one scale per output column, symmetric, levels -64..64. Seven bits, because kernels of CPUs
without VNNI add pairs of u8 x s8 products in 16 bits and saturate (ONNX Runtime, "Quantize ONNX
models"): 2 · 255 · 64 fits. Rows: one scale per token, levels -127..127 around zero point 128.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

WEIGHT_LEVELS = 64
ROW_LEVELS = 127
EPSILON = 1e-6
"""Least row maximum, so that a row of zeros divides by something."""


def _straight(exact: Tensor, rounded: Tensor) -> Tensor:
    """The rounded value forwards, the gradient of the exact one backwards (Bengio et al., arXiv 1308.3432)."""
    return exact + (rounded - exact).detach()


def fake_weight(weight: Tensor) -> Tensor:
    """weight [n_out, n_in] rounded per row to multiples of its maximum / 64."""
    scale = weight.detach().abs().amax(dim=1, keepdim=True).clamp(min=EPSILON) / WEIGHT_LEVELS
    return _straight(weight, (weight / scale).round() * scale)


def fake_rows(x: Tensor) -> Tensor:
    """x [..., n] rounded per last-axis row to multiples of its maximum / 127, in f32."""
    x = x.float()
    scale = x.detach().abs().amax(dim=-1, keepdim=True).clamp(min=EPSILON) / ROW_LEVELS
    return _straight(x, (x / scale).round() * scale)


def weight(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f32 [n_out, n_in] -> int8 [n_out, n_in] in -64..64 and scales f32 [n_out]."""
    scale = np.maximum(np.abs(matrix).max(axis=1), EPSILON).astype(np.float32) / np.float32(WEIGHT_LEVELS)
    return np.rint(matrix / scale[:, None]).astype(np.int8), scale
