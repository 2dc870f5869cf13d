"""On demand, with torch: the loss against PyTorch's own, fake rounding against real, overfitting, export parity.

Not collected by `unittest discover`, because continuous integration has no torch. Takes under a minute.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
import torch.nn.functional as F

import export
import graph
import quantise
from copying import Copy
from loss import HeadLoss
from model import Model, Shape
from runtime import Session
from train import forward_loss

TINY = Shape(d=64, layers=2, ff=128, heads=4, kv=2, hd=32, vocabulary=512, positions=128)


def check_loss() -> None:
    torch.manual_seed(1)
    x, e = torch.randn(700, 32, requires_grad=True), torch.randn(90, 32, requires_grad=True)
    target, weight = torch.randint(0, 90, (700,)), torch.rand(700)
    ours, losses = HeadLoss.apply(x, e, target, weight, torch.float32)
    theirs = (F.cross_entropy(x @ e.T, target, reduction="none") * weight).sum() / weight.sum()
    mine = torch.autograd.grad(ours, (x, e))
    other = torch.autograd.grad(theirs, (x, e))
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(mine, other))


def check_look_up() -> None:
    """In two equal stretches of different tokens, order 3 finds the next token of the first."""
    ids = torch.randperm(300)[:60].repeat(2)[None]
    copy = Copy(512, 32)
    found = copy(ids)[0, 63:119, 2]
    assert (F.embedding(ids[0, 64:120], copy.codes) * found).mean(1).min() > 0.9


def check_rounding() -> None:
    w = torch.randn(40, 24)
    levels, scale = quantise.weight(w.numpy())
    assert np.abs(levels).max() == quantise.WEIGHT_LEVELS
    assert np.allclose(levels * scale[:, None], quantise.fake_weight(w).numpy(), atol=1e-6)


def check_overfit_and_parity() -> None:
    torch.manual_seed(2)
    model = Model(TINY)
    ids = torch.randint(0, 512, (2, 65))
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for step in range(150):
        model.set_fake(step > 100)
        loss, _, _ = forward_loss(model, ids, torch.ones(ids.shape), torch.float32)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1, loss.item()
    state = {k: v.float().numpy() for k, v in model.state_dict().items()}
    session = Session(graph.build(state, TINY.as_dict()).SerializeToString(), TINY.positions)
    export.check_exact(session, ids[0].tolist())
    difference, agreement = export.check_parity(model, session, ids[0].tolist())
    assert difference < 0.2 and agreement > 0.98, (difference, agreement)
    print(f"overfit to {loss.item():.3f} nats; logits differ by {difference:.4f} at most, top-1 equal {agreement:.3f}")


if __name__ == "__main__":
    check_loss()
    check_look_up()
    check_rounding()
    check_overfit_and_parity()
