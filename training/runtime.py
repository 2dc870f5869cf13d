"""Runs an exported graph as the server does: KV buffers allocated once and bound as past and present.

A `Session` counts its positions itself; `rewind` only lowers the count. One intra-op thread, spinning
off, one buffer per layer and kind for the session's life.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from matching import PAD


class Session:
    """A graph of layout A with shared KV buffers f32 [1, kv, positions, hd]."""

    def __init__(self, model: Path | bytes, positions: int, threads: int = 1) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"])
        self._binding = self._session.io_binding()
        self._keep: list[ort.OrtValue] = []  # what is bound must outlive the run
        self._ids: list[int] = []
        self.positions, self.past = positions, 0
        self._told = False
        for given in self._session.get_inputs():
            self._told |= given.name == "previous_ids"
            if given.name.startswith("past_key_values."):
                shape = [1, given.shape[1], positions, given.shape[3]]
                buffer = ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
                self._keep.append(buffer)
                self._binding.bind_ortvalue_input(given.name, buffer)
                self._binding.bind_ortvalue_output(given.name.replace("past_key_values", "present"), buffer)

    def run(self, ids: Sequence[int], keep: int = 1) -> np.ndarray:
        """Appends ids and returns the logits f32 [keep, V] of their last rows (0: of all).

        A single id goes together with the one before it: the float kernels of attention have a path of
        their own for a lone row (ONNX Runtime 1.31, x86), whose sums differ in the last bits. A row is
        alone in a run of one, or where a run is one longer than a multiple of the kernel's block of
        2·hd rows; with chunks of at most 32 only the first occurs, and every way to the same ids then
        gives the same bits.
        """
        self._ids = self._ids[: self.past] + list(ids)
        if len(ids) == 1 and self.past and keep == 1:
            self.past -= 1
            ids = self._ids[self.past :]
        bound = {
            "input_ids": np.array([ids], np.int64),
            "attention_mask": np.ones((1, self.past + len(ids)), np.int64),
            "num_logits_to_keep": np.array(keep, np.int64),
        }
        if self._told:
            bound["previous_ids"] = np.array([[0] * PAD + self._ids[: self.past]], np.int64)
        values = {name: ort.OrtValue.ortvalue_from_numpy(a) for name, a in bound.items()}
        for name, value in values.items():
            self._binding.bind_ortvalue_input(name, value)
        self._binding.bind_output("logits")
        self._session.run_with_iobinding(self._binding)
        self.past += len(ids)
        return self._binding.get_outputs()[-1].numpy()[0].copy()

    def rewind(self, past: int) -> None:
        """Forgets everything from position `past` on."""
        assert past <= self.past
        self.past = past

    def prefill(self, ids: Sequence[int], chunk: int = 32) -> np.ndarray:
        """Runs ids in chunks; logits f32 [1, V] of the last row."""
        logits = np.empty((0, 0), np.float32)
        for a in range(0, len(ids), chunk):
            logits = self.run(ids[a : a + chunk])
        return logits
