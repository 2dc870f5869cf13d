"""Rounds a trained table to int8 and writes it as the server reads it.

    python embed/pack.py TABLE.npz... --out table.bin --terms-version 2

Of several tables that began with the same seed the mean is packed: such means generalise better than each (Wortsman
et al., ICML 2022).

The form is that of `server/engine/src/embed.rs`: `FTEMBED1`; version of the terms, dimension, terms, buckets (u32,
little-endian); scale of each row, its weight in questions, its weight in code (float32 [columns] each); the rows
(int8 [columns, dimension], symmetric per row); the terms, each behind its length (u8).
"""

from __future__ import annotations

import argparse
import hashlib
import struct
from pathlib import Path

import numpy as np


def quantise(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows [columns, dimension] -> (int8 of the same shape, scales [columns] float32)."""
    most = np.abs(rows).max(1)
    scales = (np.maximum(most, 1e-12) / 127).astype(np.float32)
    return np.clip(np.round(rows / scales[:, None]), -127, 127).astype(np.int8), scales


def pack(rows: np.ndarray, query: np.ndarray, code: np.ndarray, terms: list[str], version: int) -> bytes:
    """The file's bytes; `query` and `code` are logarithms of weights [columns]."""
    numbers, scales = quantise(rows)
    head = b"FTEMBED1" + struct.pack("<4I", version, rows.shape[1], len(terms), len(rows) - len(terms))
    floats = b"".join(x.astype("<f4").tobytes() for x in (scales, np.exp(query), np.exp(code)))
    encoded = [t.encode() for t in terms]
    return head + floats + numbers.tobytes() + b"".join(bytes([len(t)]) + t for t in encoded)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--terms-version", type=int, required=True, help="VERSION of server/engine/src/terms.rs when the terms were cut")
    arguments = parser.parse_args()
    tables = [np.load(path) for path in arguments.tables]
    rows, query, code = (np.mean([t[k] for t in tables], axis=0) for k in ("rows", "query", "code"))
    packed = pack(rows, query, code, [str(t) for t in tables[0]["terms"]], arguments.terms_version)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_bytes(packed)
    print(f"{len(packed)} bytes, sha256 {hashlib.sha256(packed).hexdigest()}, {[int(t['steps']) for t in tables]} steps")


if __name__ == "__main__":
    main()
