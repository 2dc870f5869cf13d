"""Makes the package: `model.onnx`, `tokenizer.json` and `manifest.toml`, checked against the network.

A package is written only if reuse is exact: a prefix reused, rolled back or run in chunks must give
the bits of a fresh run. `--random` exports untrained weights, to test loaders before a model exists.

    python export.py RUN/last.pt --tokenizer T --output ../models/complete
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

import graph
import layout
import rows
from model import STAGE0, Listed, Model, Shape
from runtime import Session

GOLDEN_PLACE = layout.Place(
    language="rust",
    path="src/basket.rs",
    prefix_lines="//! A basket of fruit.\n\nuse std::collections::HashMap;\n\npub struct Basket {\n    fruit: HashMap<String, u32>,\n}\n\n"
    "impl Basket {\n    pub fn new() -> Self {\n        Basket { fruit: HashMap::new() }\n    }\n\n    pub fn add(&mut self, name: &str, count: u32) {\n",
    head="        self.fruit.insert(name.to_string(",
    tail="), count);",
    suffix="    }\n\n    pub fn total(&self) -> u32 {\n        self.fruit.values().sum()\n    }\n}\n",
    pieces=(layout.Piece("src/lib.rs", "pub mod basket;\n"),),
)
"""A hand-written place with every kind of section; its ids and answers stand in the manifest."""


def load(checkpoint: Path | None, ngrams: np.ndarray | None = None) -> Model:
    """The network of a checkpoint with an n-gram table, or an untrained one (seed 0) with output matrices that are not zero."""
    if checkpoint:
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model = Model(Shape(**{k: v if k == "theta" else int(v) for k, v in saved["shape"].items()}), ngrams)  # type: ignore[arg-type]
        model.load_state_dict(saved["model"])
        return model.eval()
    torch.manual_seed(0)
    model = Model(STAGE0, ngrams)
    for name, p in model.named_parameters():
        if name.endswith(("o.weight", "down.weight")):
            torch.nn.init.normal_(p, std=p.shape[1] ** -0.5)
    return model.eval()


def check_exact(session: Session, ids: list[int]) -> None:
    """Raises where chunks, reuse or rollback change a bit of the last logits (for the lone row see `runtime.py`)."""
    session.rewind(0)
    whole = session.prefill(ids)
    for chunk in (1, 2, 7, 16, len(ids) - len(ids) % 2):
        session.rewind(0)
        assert np.array_equal(whole, session.prefill(ids, chunk)), f"chunks of {chunk} differ"
    half = len(ids) // 2
    session.rewind(half)
    session.run([7, 9, 11])
    session.rewind(half)
    assert np.array_equal(whole, session.run(ids[half:])), "rollback differs"
    session.rewind(0)


def check_parity(model: Model, session: Session, ids: list[int]) -> tuple[float, float]:
    """(largest difference of logits to the fake-quantised network in f32, share of equal top-1); rows rounded
    across a border of two levels make small differences unavoidable."""
    session.rewind(0)
    ours = session.run(ids, keep=0)
    session.rewind(0)
    model.set_fake(True)
    with torch.no_grad():
        stream, copied, listed = model(torch.tensor([ids]))
        theirs = model.logits(stream[0], copied[0], Listed(listed.tokens[0], listed.beliefs[0]) if listed else None).numpy()
    return float(np.abs(ours - theirs).max()), float((ours.argmax(1) == theirs.argmax(1)).mean())


def golden(session: Session, ids: list[int]) -> dict[str, list[Any]]:
    """ids, the top-1 id after each position, and the first eight logits of the last row."""
    session.rewind(0)
    logits = session.run(ids, keep=0)
    return {"ids": ids, "top1": logits.argmax(1).tolist(), "logits": [round(float(v), 5) for v in logits[-1, :8]]}


def inline(value: Any) -> str:
    """A value as inline TOML (numbers, strings, booleans, lists, tables with bare or quoted keys)."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f'{k if k.replace("_", "").isalnum() else chr(34) + k + chr(34)} = {inline(v)}' for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)


def write_manifest(folder: Path, tables: dict[str, Any]) -> None:
    """Writes `manifest.toml`, one table a line, with the hashes of the files as they lie there."""
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("model.onnx", "tokenizer.json")}
    text = "".join(f"{name} = {inline(value)}\n" for name, value in {**tables, "files": hashes}.items())
    tomllib.loads(text)
    put(folder / "manifest.toml", text.encode())


def put(path: Path, data: bytes) -> None:
    """Replaces a file at once, so that a reader sees the old one or the new one."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    os.replace(part, path)


def tables_of(shape: Shape, budget: layout.Budget, version: str, values: dict[str, list[Any]], gate: dict[str, Any]) -> dict[str, Any]:
    """The tables of a manifest, hashes left out (package format 1)."""
    tokens = {k: v for k, v in asdict(budget).items() if k != "positions"}
    return {
        "package": {"format": 1, "name": "foretoken-embedded", "version": version, "kind": "generate", "licence": "MIT OR Apache-2.0"},
        "files": {},
        "graph": {"layout": "A", "shared_kv": True, "exact_reuse": True, "last_rows": "num_logits_to_keep", "accuracy_level": 0, "max_positions": shape.positions},
        "fim": {"dialect": "foretoken", "order": "spm"},
        "budget": tokens,
        "gate": gate,
        "golden": values,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, nargs="?")
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--ngrams", type=Path, help="table of `ngrams.py`, for shapes with a memory")
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--version", default="0")
    args = parser.parse_args()
    assert args.random or args.checkpoint, "a checkpoint or --random"
    table = np.load(args.ngrams) if args.ngrams else None
    model = load(None if args.random else args.checkpoint, table)
    state = {k: v.float().numpy() for k, v in model.state_dict().items()}
    data = graph.build(state, model.shape.as_dict(), table).SerializeToString()
    tokenizer = Tokenizer.from_file(str(args.tokenizer))
    budget = layout.STAGE0 if model.shape.positions == layout.STAGE0.positions else layout.STAGE1
    ids = layout.encode_place(GOLDEN_PLACE, budget, rows.encoder(tokenizer)).ids
    session = Session(data, model.shape.positions)
    check_exact(session, ids)
    difference, agreement = check_parity(model, session, ids)
    manifest = args.output / "manifest.toml"
    gate = tomllib.loads(manifest.read_text())["gate"] if manifest.exists() else {"a": 0.0, "b": 1.0, "c": 0.0, "show": 0.5}
    args.output.mkdir(parents=True, exist_ok=True)
    put(args.output / "model.onnx", data)
    if args.tokenizer.resolve() != (args.output / "tokenizer.json").resolve():
        put(args.output / "tokenizer.json", args.tokenizer.read_bytes())
    write_manifest(args.output, tables_of(model.shape, budget, args.version, golden(session, ids), gate))
    print(f"{len(data) / 1e6:.2f} MB; reuse, rollback and chunks exact; largest logit difference to the network {difference:.4f}, top-1 equal {agreement:.3f} over {len(ids)} positions")


if __name__ == "__main__":
    main()
