"""Makes the two smallest packages that read: one of kind `embed`, one of kind `rerank`.

They are for tests of the loader alone: a few words with random rows, in which words of one group share most of
their row, so that "close" is near "stop" and far from "paint". Nothing is trained.

    python tiny_encoders.py ../server/infer/tests/encoders
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

GROUPS: tuple[tuple[str, ...], ...] = (
    ("close", "stop", "shutdown", "end"),
    ("paint", "draw", "colour"),
    ("fn", "the", "stream", "a"),
)
SPECIAL = ("[UNK]", "[CLS]", "[SEP]")
WIDTH = 8
"""Numbers of a row."""


def vocabulary() -> dict[str, int]:
    """Words with their ids, special ones first."""
    words = [*SPECIAL, *(word for group in GROUPS for word in group)]
    return {word: at for at, word in enumerate(words)}


def table() -> np.ndarray:
    """Rows `[words, WIDTH]`, f32: random, those of one group nearly equal, special ones and the last group small."""
    random = np.random.default_rng(7)
    rows = random.normal(0.0, 0.02, (len(vocabulary()), WIDTH))
    at = len(SPECIAL)
    for group in GROUPS:
        shared = random.normal(0.0, 0.05 if "the" in group else 1.0, WIDTH)
        rows[at : at + len(group)] += shared
        at += len(group)
    return rows.astype(np.float32)


def tokenizer() -> str:
    """A `tokenizer.json` that splits at everything but letters and puts the special words around a text."""
    ids = vocabulary()
    single = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}]
    pair = [*single, {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}]
    special = {word: {"id": word, "ids": [ids[word]], "tokens": [word]} for word in ("[CLS]", "[SEP]")}
    added = [
        {"id": ids[word], "content": word, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for word in SPECIAL
    ]
    return json.dumps(
        {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": added,
            "normalizer": {"type": "Lowercase"},
            "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "[^a-z]+"}, "behavior": "Removed", "invert": False},
            "post_processor": {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special},
            "decoder": None,
            "model": {"type": "WordLevel", "vocab": ids, "unk_token": "[UNK]"},
        },
        indent=1,
    )


def ids_of(text: str) -> list[int]:
    """The ids of a text of known words, without special ones."""
    return [vocabulary()[word] for word in text.split()]


def embedder(rows: np.ndarray) -> onnx.ModelProto:
    """`input_ids`, `attention_mask` i64 `[1, n]` → `last_hidden_state` f32 `[1, n, WIDTH]`."""
    nodes = [
        helper.make_node("Gather", ["rows", "input_ids"], ["states"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Mul", ["states", "column"], ["last_hidden_state"]),
    ]
    last = numpy_helper.from_array(np.array([2], dtype=np.int64), "last")
    return graph(nodes, ("input_ids", "attention_mask"), ("last_hidden_state", [1, None, WIDTH]), [numpy_helper.from_array(rows, "rows"), last])


def reranker(rows: np.ndarray) -> onnx.ModelProto:
    """`input_ids`, `token_type_ids` i64 `[1, n]` → `logits` f32 `[1, 1]`: the product of the sums of both texts."""
    nodes = [
        helper.make_node("Gather", ["rows", "input_ids"], ["states"]),
        helper.make_node("Cast", ["token_type_ids"], ["types"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["types", "last"], ["second"]),
        helper.make_node("Sub", ["one", "second"], ["first"]),
        helper.make_node("Mul", ["states", "first"], ["of_first"]),
        helper.make_node("Mul", ["states", "second"], ["of_second"]),
        helper.make_node("ReduceSum", ["of_first", "middle"], ["question"], keepdims=0),
        helper.make_node("ReduceSum", ["of_second", "middle"], ["text"], keepdims=0),
        helper.make_node("Mul", ["question", "text"], ["product"]),
        helper.make_node("ReduceSum", ["product", "middle"], ["logits"], keepdims=1),
    ]
    constants = [
        numpy_helper.from_array(rows, "rows"),
        numpy_helper.from_array(np.array([2], dtype=np.int64), "last"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "middle"),
        numpy_helper.from_array(np.array(1.0, dtype=np.float32), "one"),
    ]
    return graph(nodes, ("input_ids", "token_type_ids"), ("logits", [1, 1]), constants)


def graph(nodes: list[onnx.NodeProto], inputs: tuple[str, ...], output: tuple[str, list[int | None]], constants: list[onnx.TensorProto]) -> onnx.ModelProto:
    """A checked model of one output."""
    given = [helper.make_tensor_value_info(name, TensorProto.INT64, [1, None]) for name in inputs]
    out = helper.make_tensor_value_info(output[0], TensorProto.FLOAT, output[1])
    made = helper.make_model(helper.make_graph(nodes, "tiny", given, [out], constants), opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(made)
    return made


def write(folder: Path, kind: str, model: onnx.ModelProto, golden: list[tuple[str, str, list[float]]]) -> None:
    """Writes a package; `golden` are (question, text, numbers)."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"model.onnx": model.SerializeToString(), "tokenizer.json": tokenizer().encode()}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    lines = ["[package]", "format = 1", f'name = "tiny-{kind}"', 'version = "1"', f'kind = "{kind}"', 'licence = "MIT OR Apache-2.0"', "", "[files]"]
    lines += [f'"{name}" = "{hashlib.sha256(content).hexdigest()}"' for name, content in files.items()]
    lines += ["", "[encoder]", f"dimension = {WIDTH}", 'pooling = "mean"', "max_tokens = 32", "floor = 0.6"]
    for question, text, numbers in golden:
        shown = ", ".join(f"{number:.5f}" for number in numbers)
        lines += ["", "[[golden]]", f'question = "{question}"', f'text = "{text}"', f"numbers = [{shown}]"]
    (folder / "manifest.toml").write_text("\n".join(lines) + "\n")


def main() -> None:
    """Writes `embed` and `rerank` below the given folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    output = parser.parse_args().output
    rows, ids = table(), vocabulary()
    cls, sep = ids["[CLS]"], ids["[SEP]"]
    vectors: list[tuple[str, str, list[float]]] = []
    for text in ("close the stream", "paint a stream", "stop"):
        mean = rows[[cls, *ids_of(text), sep]].mean(axis=0)
        vectors.append(("", text, [float(number) for number in mean / np.linalg.norm(mean)]))
    scores: list[tuple[str, str, list[float]]] = []
    for question, text in (("close the stream", "stop"), ("close the stream", "paint")):
        first = rows[[cls, *ids_of(question), sep]].sum(axis=0)
        second = rows[[*ids_of(text), sep]].sum(axis=0)
        scores.append((question, text, [float(first @ second)]))
    write(output / "embed", "embed", embedder(rows), vectors)
    write(output / "rerank", "rerank", reranker(rows), scores)


if __name__ == "__main__":
    main()
