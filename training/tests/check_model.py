"""On demand, with torch: the loss against PyTorch's own, fake rounding against real, n-gram counts, matches, overfitting, export parity.

Not collected by `unittest discover`, because continuous integration has no torch. Takes under a minute.
"""

import bisect
import sys
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
import torch.nn.functional as F

import export
import graph
import ngrams
import quantise
from copying import Copy
from loss import HeadLoss
from matching import Matching
from model import Model, Shape
from runtime import Session
from train import forward_loss

TINY = Shape(d=64, layers=2, ff=128, heads=4, kv=2, hd=32, vocabulary=512, positions=128, memory=1)


def check_loss() -> None:
    torch.manual_seed(1)
    x, e = torch.randn(700, 32, requires_grad=True), torch.randn(90, 32, requires_grad=True)
    target, weight = torch.randint(0, 90, (700,)), torch.rand(700)
    tokens, beliefs = torch.randint(0, 90, (700, 5)), torch.randn(700, 5, requires_grad=True)
    ours, losses = HeadLoss.apply(x, e, target, weight, tokens, beliefs, torch.float32)
    logits = (x @ e.T).scatter_add(1, tokens, beliefs)
    theirs = (F.cross_entropy(logits, target, reduction="none") * weight).sum() / weight.sum()
    mine = torch.autograd.grad(ours, (x, e, beliefs))
    other = torch.autograd.grad(theirs, (x, e, beliefs))
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


def check_counts() -> None:
    """The n-gram counter against counting by hand, on text with many repetitions in three repositories."""
    rng = np.random.default_rng(3)
    ids = np.concatenate([rng.choice([50, 51, 52, 53, 0], 4000, p=[0.4, 0.3, 0.2, 0.09, 0.01])] * 1).astype(np.uint16)
    texts = ngrams.Texts(ids, [0, 1500, 2500, len(ids)])
    counts = ngrams.count(texts, 3)
    seen: dict[tuple[int, ...], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for at in range(2, len(ids) - 1):
        window = tuple(map(int, ids[at - 2 : at + 2]))
        if 0 not in window:
            seen[window[:3]][window[3]].append(bisect.bisect_right(texts.starts, at))
    ours = {(tuple(map(int, ids[p - 2 : p + 1])), int(t)): s for p, t, s in zip(counts.place, counts.token, counts.share)}
    theirs = {}
    for context, followers in seen.items():
        total = sum(map(len, followers.values()))
        for token, where in followers.items():
            if len(set(where)) >= 2:
                theirs[context, token] = len(where) * (1 - ngrams.DISCOUNT / len(set(where))) / total
    assert ours.keys() == theirs.keys()
    assert all(abs(ours[k] - theirs[k]) < 1e-5 for k in ours)


def small_table(ids: torch.Tensor) -> np.ndarray:
    """A table counted on rows that each count as a repository, so that it lists what they share."""
    flat = ids.flatten().numpy().astype(np.uint16)
    return ngrams.build(ngrams.Texts(flat, list(range(0, len(flat) + 1, ids.shape[1]))), 64_000)


def check_matches() -> None:
    """Of two earlier occurrences the longer match leads, and what followed the other comes second."""
    text = [0, 60, 61, 62, 70, 99, 61, 62, 80, 99, 60, 61, 62]
    tokens, cells = Matching().read(torch.tensor([text]))
    assert tokens[0, -1].tolist() == [70, 80] and cells[0, -1].tolist() == [3, 0, 2]
    assert cells[0, 1].tolist() == [0, 0, 0]


def check_overfit_and_parity() -> None:
    torch.manual_seed(2)
    ids = torch.randint(48, 512, (2, 65))
    ids[:, 0], ids[:, 30:60], ids[1, 20:40] = 0, ids[:, 5:35], ids[0, 20:40]
    table = small_table(ids)
    model = Model(TINY, table)
    assert (model.memory.read(ids)[1] < 8).any(), "the table lists nothing"
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for step in range(150):
        model.set_fake(step > 100)
        loss, _, _ = forward_loss(model, ids, torch.ones(ids.shape), torch.float32)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1, loss.item()
    state = {k: v.float().numpy() for k, v in model.state_dict().items()}
    session = Session(graph.build(state, TINY.as_dict(), table).SerializeToString(), TINY.positions)
    export.check_exact(session, ids[0].tolist())
    difference, agreement = export.check_parity(model, session, ids[0].tolist())
    assert difference < 0.2 and agreement > 0.98, (difference, agreement)
    print(f"overfit to {loss.item():.3f} nats; logits differ by {difference:.4f} at most, top-1 equal {agreement:.3f}")


if __name__ == "__main__":
    check_loss()
    check_look_up()
    check_rounding()
    check_counts()
    check_matches()
    check_overfit_and_parity()
