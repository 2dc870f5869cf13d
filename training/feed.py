"""Keeps batches ready: samplers in a thread or in worker processes, which notice new shards.

A *source* is a shard file or a folder of shards; folders are looked at again every few seconds, so a
run can begin with its first shard while the others are still arriving. Batches come in no fixed order
with more than one worker: a seed then fixes what is drawn, not when.
"""

from __future__ import annotations

import multiprocessing
import queue
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

import layout
import ngrams
import rows
import shards

RESCAN_SECONDS = 10.0
Batch = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Plan:
    """What a sampler needs to draw batches: ids and weights [rows, T + 1] of the train split."""

    sources: tuple[Path, ...]
    tokenizer: Path
    budget: layout.Budget
    rows: int
    block: int
    seed: int
    apart: bool = False
    """Only repositories that the n-gram table left out."""


def shard_files(sources: tuple[Path, ...]) -> list[Path]:
    """The shards of files and folders, complete ones only (writers rename at the end)."""
    return sorted(p for s in sources for p in (s.glob("shard-*.jsonl.zst") if s.is_dir() else [s]))


def run(plan: Plan, out: Any, worker: int) -> None:
    """Draws batches for ever into a queue."""
    encode = rows.encoder(Tokenizer.from_file(str(plan.tokenizer)))
    sampler = rows.Sampler([], encode, plan.budget, plan.seed * 1000 + worker, plan.block)
    known: set[Path] = set()
    looked = 0.0
    while True:
        if time.monotonic() - looked > RESCAN_SECONDS:
            fresh = [p for p in shard_files(plan.sources) if p not in known]
            if fresh:
                sampler.add(r for r in shards.read(fresh) if r["split"] == "train" and (not plan.apart or ngrams.apart(r["repo"])))
                known.update(fresh)
            looked = time.monotonic()
        out.put(sampler.batch(plan.rows))


class Feed:
    """Batches ahead of the trainer. Without workers a thread draws them (encoding runs outside the interpreter lock)."""

    def __init__(self, plan: Plan, workers: int = 0, ahead: int = 8) -> None:
        if workers == 0:
            self._queue: Any = queue.Queue(ahead)
            threading.Thread(target=run, args=(plan, self._queue, 0), daemon=True).start()
            return
        context = multiprocessing.get_context("spawn")
        self._queue = context.Queue(ahead)
        for i in range(workers):
            context.Process(target=run, args=(plan, self._queue, i), daemon=True).start()

    def next(self) -> Batch:
        """The next batch; a worker that died shows as ten minutes of silence."""
        return self._queue.get(timeout=600)
