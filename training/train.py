"""Trains the embedded model against the clock: Muon and AdamW, a deadline instead of a number of steps.

The schedule is a function of time spent: warm-up by steps, constant, then linear decay over the last
40 % of the budget; the last 10 % runs with fake quantisation. An unknown or uneven throughput (a shared
machine, a process stopped for a while) therefore costs tokens but never the decay. Checkpoints every
five minutes; `--resume` goes on from the last one, so a budget can be spent in slices.

    python train.py SHARD_OR_FOLDER... --tokenizer T --out FOLDER --deadline 16:15
    python train.py SHARD_OR_FOLDER... --tokenizer T --out FOLDER --minutes 180 --slice 10 --resume   # 18 times
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

import layout
import quantise
import rows
import shards
import spans
from feed import Feed, Plan, shard_files
from loss import HeadLoss
from model import SHAPES, Model, Shape, parameters

WARM_UP_STEPS = 100
FAKE_SHARE = 0.10
CHECKPOINT_SECONDS = 300.0
VALIDATION_ROWS = 24
OTHERS = ("embedding", "found_gate.weight", "memory_gate.weight", "matching.first", "matching.second")
"""Matrices that AdamW takes: the table, and small ones (gates, beliefs), which an orthogonal update would shake."""
FLOOR = 0.02
"""Least learning rate as a share of the peak, at the deadline."""


def parse() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("shards", type=Path, nargs="+")
    p.add_argument("--tokenizer", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--stage", type=int, choices=(0, 1), default=0)
    p.add_argument("--shape", type=int, choices=(0, 1, 2), default=0, help="2: the smaller shape of a slow stage 1")
    p.add_argument("--workers", type=int, default=0, help="processes that draw batches; 0: a thread")
    p.add_argument("--deadline", default="", help="end of the budget, HH:MM of today")
    p.add_argument("--minutes", type=float, default=10.0, help="budget where no deadline is given, all slices together")
    p.add_argument("--slice", type=float, default=0.0, help="minutes after which this call ends, 0: with the budget")
    p.add_argument("--max-steps", type=int, default=0)
    p.add_argument("--rows", type=int, default=16, help="rows per optimiser step")
    p.add_argument("--micro", type=int, default=0, help="rows per forward pass, 0 for all at once")
    p.add_argument("--lr", type=float, default=4e-3, help="peak rate of Muon (match_rms_adamw)")
    p.add_argument("--lr-table", type=float, default=3e-3, help="peak rate of AdamW on table and norms")
    p.add_argument("--decay-share", type=float, default=0.40, help="last part of the budget in which the rate falls to nothing")
    p.add_argument("--device", default="cpu")
    p.add_argument("--compile", action="store_true", help="compile each block")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--ngrams", type=Path, help="table of `ngrams.py --apart`, for shapes with a memory")
    p.add_argument("--init", type=Path, help="checkpoint whose weights to begin with")
    p.add_argument("--resume", action="store_true", help="go on from the last checkpoint of --out, if there is one")
    p.add_argument("--quiet-validation", action="store_true", help="no validation (sweeps)")
    return p.parse_args()


@dataclass
class Clock:
    """Seconds of the budget: spent before this call, when this call began, when the budget and this call end (Unix times)."""

    spent: float
    begin: float
    deadline: float
    stop: float

    def used(self) -> float:
        """Seconds spent so far."""
        return self.spent + time.time() - self.begin

    def share(self) -> float:
        """Share of the budget spent, 0..1."""
        return self.used() / max(1.0, self.spent + self.deadline - self.begin)


def clock_of(args: argparse.Namespace, spent: float) -> Clock:
    """The clock of a call that finds `spent` seconds used."""
    begin = time.time()
    deadline = begin + 60 * args.minutes - spent
    if args.deadline:
        now = datetime.now()
        hour, minute = map(int, args.deadline.split(":"))
        at = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
        deadline = (at if at > now else at + timedelta(days=1)).timestamp()
    return Clock(spent, begin, deadline, min(deadline, begin + 60 * args.slice) if args.slice else deadline)


def optimisers(model: Model, args: argparse.Namespace) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices (Jordan 2024; rate matched to AdamW's RMS, arXiv 2502.16982), AdamW for table and norms."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and n not in OTHERS]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or n in OTHERS]
    muon = torch.optim.Muon(matrices, lr=args.lr, weight_decay=0.1, momentum=0.95, ns_steps=5, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(others, lr=args.lr_table, betas=(0.9, 0.95), weight_decay=0.0)
    for o in (muon, adamw):
        for g in o.param_groups:
            g["peak"] = g["lr"]
    return [muon, adamw]


def factor(share: float, step: int, decay_share: float) -> float:
    """Learning-rate factor at a share 0..1 of the wall-clock budget."""
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    decay = max(FLOOR, min(1.0, (1.0 - share) / decay_share))
    return min(warm, decay)


def forward_loss(model: Model, ids: Tensor, weights: Tensor, half: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """ids, weights [r, T + 1] -> weighted mean loss in nats, losses [n] and weights [n] of the scored tokens."""
    keep = weights[:, 1:].reshape(-1) > 0
    with torch.autocast(ids.device.type, half, enabled=half != torch.float32):
        stream, copied, listed = model(ids[:, :-1])
    n, c = stream.flatten(0, 1)[keep], copied.flatten(0, 1)[keep]
    tokens, beliefs = (listed.tokens.flatten(0, 1)[keep], listed.beliefs.flatten(0, 1)[keep]) if listed else (ids.new_zeros(len(n), 0), n.new_zeros(len(n), 0))
    if model.fake:
        n, c = quantise.fake_rows(n), quantise.fake_rows(c)
    w = weights[:, 1:].reshape(-1)[keep]
    x, table = torch.cat([n, c], dim=1), torch.cat([model.table(), model.copy.codes], dim=1)
    loss, losses = HeadLoss.apply(x, table, ids[:, 1:].reshape(-1)[keep], w, tokens, beliefs.float(), half)
    return loss, losses, w


class Validation:
    """Fixed rows of the validation repositories; reports bits per byte of plain text and nats per middle token."""

    def __init__(self, records: list[Any], encode: layout.Encode, tokenizer: Tokenizer, budget: layout.Budget) -> None:
        sampler = rows.Sampler(records, encode, budget, seed=7)
        ids, weights = sampler.batch(VALIDATION_ROWS)
        self.ids, self.weights = torch.from_numpy(ids), torch.from_numpy(weights)
        lengths = np.array([len(tokenizer.decode([i]).encode()) if i >= layout.CONTROL_COUNT else 0 for i in range(tokenizer.get_vocab_size())])
        plain = weights[:, 1:] == 1.0
        self.bytes_per_token = float(lengths[ids[:, 1:]][plain].mean())

    def __call__(self, model: Model, half: torch.dtype, device: str) -> tuple[float, float]:
        plain: list[Tensor] = []
        middle: list[Tensor] = []
        with torch.no_grad():
            for a in range(0, VALIDATION_ROWS, 8):
                _, losses, w = forward_loss(model, self.ids[a : a + 8].to(device), self.weights[a : a + 8].to(device), half)
                plain.append(losses[w == 1.0])
                middle.append(losses[w == rows.MIDDLE_WEIGHT])
        return torch.cat(plain).mean().item() / math.log(2) / self.bytes_per_token, torch.cat(middle).mean().item()


def save(path: Path, model: Model, optims: list[torch.optim.Optimizer], state: dict[str, Any]) -> None:
    """Writes a checkpoint under a temporary name and renames it, so that readers never see half of one."""
    part = path.with_suffix(".part")
    weights = {k.replace("_orig_mod.", ""): v for k, v in model.state_dict().items()}
    torch.save({"shape": model.shape.as_dict(), "model": weights, "optimisers": [o.state_dict() for o in optims], **state}, part)
    part.replace(path)


def main() -> None:
    args = parse()
    random.seed(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)
    budget, block = (layout.STAGE0, spans.BLOCK_CHARACTERS) if args.stage == 0 else (layout.STAGE1, 700)
    shape = SHAPES[args.shape or args.stage]
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(args.tokenizer))
    encode = rows.encoder(tokenizer)
    half = torch.bfloat16
    model = Model(Shape(**{**shape.as_dict(), "vocabulary": tokenizer.get_vocab_size()}), np.load(args.ngrams) if args.ngrams else None).to(args.device)  # type: ignore[arg-type]
    optims = optimisers(model, args)
    step = tokens = 0
    spent = 0.0
    again = args.resume and (args.out / "last.pt").exists()
    source = args.out / "last.pt" if again else args.init
    if source:
        saved = torch.load(source, map_location=args.device, weights_only=True)
        model.load_state_dict(saved["model"], strict=again)
        if again:
            step, tokens, spent = saved["step"], saved["tokens"], saved["spent"]
            for o, s in zip(optims, saved["optimisers"]):
                o.load_state_dict(s)
    if args.compile:
        for i, block in enumerate(model.blocks):
            model.blocks[i] = torch.compile(block)
    aside = [] if args.quiet_validation else [r for r in shards.read(shard_files(tuple(args.shards))) if r["split"] == "validation"]
    validate = Validation(aside, encode, tokenizer, budget) if aside else None
    feed = Feed(Plan(tuple(args.shards), args.tokenizer, budget, args.rows, block, args.seed + step, args.ngrams is not None), args.workers)
    micro = args.micro or args.rows
    clock = clock_of(args, spent)
    print(f"parameters {parameters(model)}, budget ends in {(clock.deadline - clock.begin) / 60:.1f} min", flush=True)
    log = (args.out / "loss.csv").open("a", newline="")
    table = csv.writer(log, lineterminator="\n")
    if log.tell() == 0:
        table.writerow(["minutes", "step", "tokens", "train_nats", "val_bits_per_byte", "val_middle_nats"])
    smooth, noted, saved_at = 0.0, time.time(), time.time()
    while time.time() < clock.stop and not (args.max_steps and step >= args.max_steps):
        share = clock.share()
        if args.max_steps:
            share = max(share, step / args.max_steps)
        if share >= 1 - FAKE_SHARE and not model.fake:
            model.set_fake(True)
            print(f"fake quantisation from step {step}", flush=True)
        ids, weights = (torch.from_numpy(a).to(args.device) for a in feed.next())
        value = 0.0
        for a in range(0, args.rows, micro):
            loss, _, _ = forward_loss(model, ids[a : a + micro], weights[a : a + micro], half)
            (loss * micro / args.rows).backward()
            value += loss.item() * micro / args.rows
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for o in optims:
            for g in o.param_groups:
                g["lr"] = g["peak"] * factor(share, step, args.decay_share)
            o.step()
            o.zero_grad()
        step += 1
        tokens += args.rows * budget.positions
        smooth = value if step == 1 or smooth == 0 else 0.95 * smooth + 0.05 * value
        if step % 20 == 0:
            now = time.time()
            print(f"{clock.used() / 60:6.1f} min step {step} {tokens / 1e6:.2f}M loss {smooth:.3f} {20 * args.rows * budget.positions / (now - noted):.0f} tok/s lr {factor(share, step, args.decay_share):.2f}", flush=True)
            noted = now
        if time.time() - saved_at > CHECKPOINT_SECONDS:
            saved_at = time.time()
            finish(args, model, optims, (step, tokens, clock.used(), smooth), validate, half, table, log)
    finish(args, model, optims, (step, tokens, clock.used(), smooth), validate, half, table, log)
    if time.time() < clock.deadline and not args.max_steps:
        print("slice over: call again with --resume", flush=True)
        return
    (args.out / "done").write_text(f"{step} {tokens}\n")


def finish(args: argparse.Namespace, model: Model, optims: list[torch.optim.Optimizer], at: tuple[int, int, float, float], validate: Validation | None, half: torch.dtype, table: Any, log: Any) -> None:
    """Checkpoint, validation and a line of the loss file; `at` is (step, tokens, seconds spent, smoothed loss)."""
    step, tokens, spent, smooth = at
    save(args.out / "last.pt", model, optims, {"step": step, "tokens": tokens, "spent": spent})
    bits, middle = validate(model, half, args.device) if validate else (float("nan"), float("nan"))
    table.writerow([f"{spent / 60:.1f}", step, tokens, f"{smooth:.4f}", f"{bits:.4f}", f"{middle:.4f}"])
    log.flush()
    print(f"checkpoint: step {step}, {bits:.3f} bits/byte, {middle:.3f} nats per middle token", flush=True)


if __name__ == "__main__":
    main()
