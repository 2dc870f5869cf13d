"""Writes the network as an ONNX graph of layout A, in exactly the operators that are fast on a CPU.

Inputs: `input_ids` i64 [1, s]; `attention_mask` i64 [1, past + s]; `num_logits_to_keep` i64, rank 0
(0 keeps all); `past_key_values.{i}.key|value` f32 [1, kv, past, hd]. Outputs: `logits` f32 [1, n, V];
`present.{i}.key|value`. Past and present may be one buffer (GroupQueryAttention shares them), so a
rewind is a shorter mask. Nothing here mixes two rows: each activation row has its own scale, which
makes a reused prefix equal a fresh one bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import quantise

OPSET, IR_VERSION = 17, 8
EPSILON = 1e-5
_MS = "com.microsoft"


class Writer:
    """Collects nodes and initialisers; every method returns the name of what it made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: np.ndarray) -> str:
        """An initialiser, made once per name."""
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def node(self, op: str, inputs: Sequence[str], output: str, domain: str = "", outputs: Sequence[str] = (), **attributes: object) -> str:
        """A node; `outputs` overrides the single output."""
        self.nodes.append(helper.make_node(op, list(inputs), list(outputs) or [output], name=output, domain=domain, **attributes))
        return output

    def product(self, x: str, name: str, matrix: np.ndarray, transposed: str = "", scales: str = "") -> str:
        """x f32 [.., n_in] times int8 weights -> f32 [.., n_out], activations rounded per row.

        `matrix` f32 [n_out, n_in] is stored as int8 [n_in, n_out], unless `transposed` and `scales`
        name a table already there (the tied head).
        """
        one = self.constant("row_scale", np.float32(1.0 / quantise.ROW_LEVELS))
        zero = self.constant("row_zero", np.uint8(128))
        least = self.constant("row_least", np.float32(quantise.EPSILON))
        if not transposed:
            rounded, scale = quantise.weight(matrix)
            transposed = self.constant(f"{name}.weight", rounded.T)
            scales = self.constant(f"{name}.scale", scale)
        most = self.node("Max", [self.node("ReduceMax", [self.node("Abs", [x], f"{name}.abs")], f"{name}.max", axes=[-1], keepdims=1), least], f"{name}.row")
        rows = self.node("QuantizeLinear", [self.node("Div", [x, most], f"{name}.unit"), one, zero], f"{name}.u8")
        y = self.node("MatMulIntegerToFloat", [rows, transposed, one, scales, zero], f"{name}.y", _MS)
        return self.node("Mul", [y, most], f"{name}.out")


def build(state: dict[str, np.ndarray], shape: dict[str, float]) -> onnx.ModelProto:
    """Weights f32 by their names in `model.py` and the sizes of `Shape` -> the graph."""
    layers, heads, kv, hd, ff = (int(shape[k]) for k in ("layers", "heads", "kv", "hd", "ff"))
    vocabulary, positions = int(shape["vocabulary"]), int(shape["positions"])
    w = Writer()
    one = w.constant("one", np.array([1], np.int64))
    total = w.node("Cast", [w.node("Squeeze", [w.node("Slice", [w.node("Shape", ["attention_mask"], "mask.shape"), one, w.constant("two", np.array([2], np.int64))], "mask.width")], "mask.total")], "total", to=TensorProto.INT32)
    last = w.node("Sub", [w.node("ReduceSum", ["attention_mask", one], "mask.sum", keepdims=0), one], "mask.last")
    seqlens = w.node("Cast", [last], "seqlens", to=TensorProto.INT32)
    inverse = shape["theta"] ** (-np.arange(0, hd, 2, dtype=np.float64) / hd)
    angle = np.arange(positions, dtype=np.float64)[:, None] * inverse
    cos, sin = w.constant("rotary.cos", np.cos(angle).astype(np.float32)), w.constant("rotary.sin", np.sin(angle).astype(np.float32))

    table, table_scale = quantise.weight(state["embedding"])
    rows = w.node("Cast", [w.node("Gather", [w.constant("table", table), "input_ids"], "embed.int")], "embed.float", to=TensorProto.FLOAT)
    scale_of = w.node("Unsqueeze", [w.node("Gather", [w.constant("table.scale", table_scale), "input_ids"], "embed.scale"), w.constant("minus_one", np.array([-1], np.int64))], "embed.scale3")
    x = w.node("Mul", [rows, scale_of], "embed")
    n = w.node("SimplifiedLayerNormalization", [x, w.constant("0.norm1", state["blocks.0.norm1.weight"])], "0.n1", axis=-1, epsilon=EPSILON, stash_type=1)
    for i in range(layers):
        b = f"blocks.{i}"
        packed = np.concatenate([state[f"{b}.{m}.weight"] for m in ("q", "k", "v")])
        qkv = w.product(n, f"{i}.qkv", packed)
        attended = w.node("GroupQueryAttention", [qkv, "", "", f"past_key_values.{i}.key", f"past_key_values.{i}.value", seqlens, total, cos, sin], f"{i}.attention", _MS,
                          outputs=[f"{i}.attended", f"present.{i}.key", f"present.{i}.value"], num_heads=heads, kv_num_heads=kv, do_rotary=1, rotary_interleaved=0)  # fmt: skip
        attended = w.product(f"{attended.split('.')[0]}.attended", f"{i}.o", state[f"{b}.o.weight"])
        n = residual(w, x, attended, f"{i}.2", state[f"{b}.norm2.weight"])
        x = f"{i}.2.sum"
        both = w.product(n, f"{i}.gate_up", np.concatenate([state[f"{b}.gate.weight"], state[f"{b}.up.weight"]]))
        w.node("Split", [both, w.constant("split", np.array([ff, ff], np.int64))], f"{i}.split", outputs=[f"{i}.gate", f"{i}.up"], axis=-1)
        silu = w.node("Mul", [f"{i}.gate", w.node("Sigmoid", [f"{i}.gate"], f"{i}.sigmoid")], f"{i}.silu")
        down = w.product(w.node("Mul", [silu, f"{i}.up"], f"{i}.hidden"), f"{i}.down", state[f"{b}.down.weight"])
        following = state["norm.weight"] if i + 1 == layers else state[f"blocks.{i + 1}.norm1.weight"]
        n = residual(w, x, down, f"{i + 1}.1", following)
        x = f"{i + 1}.1.sum"
    keep = w.node("Neg", [w.node("Unsqueeze", ["num_logits_to_keep", w.constant("axis0", np.array([0], np.int64))], "keep")], "keep.from")
    n = w.node("Slice", [n, keep, w.constant("end", np.array([2**31 - 1], np.int64)), one], "last_rows")
    w.product(n, "head", state["embedding"], transposed=w.node("Transpose", ["table"], "table.t", perm=[1, 0]), scales="table.scale")
    w.node("Identity", ["head.out"], "logits")
    return model_of(w, layers, kv, hd, vocabulary)


def residual(w: Writer, x: str, y: str, name: str, norm: np.ndarray) -> str:
    """norm(x + y); the sum itself is `{name}.sum`."""
    w.node("SkipSimplifiedLayerNormalization", [x, y, w.constant(f"{name}.norm", norm)], f"{name}.skip", _MS,
           outputs=[f"{name}.normed", "", "", f"{name}.sum"], epsilon=EPSILON)  # fmt: skip
    return f"{name}.normed"


def model_of(w: Writer, layers: int, kv: int, hd: int, vocabulary: int) -> onnx.ModelProto:
    """The graph with its inputs and outputs declared."""
    value = helper.make_tensor_value_info
    inputs = [value("input_ids", TensorProto.INT64, [1, "sequence"]), value("attention_mask", TensorProto.INT64, [1, "total"]), value("num_logits_to_keep", TensorProto.INT64, [])]
    outputs = [value("logits", TensorProto.FLOAT, [1, "kept", vocabulary])]
    for i in range(layers):
        inputs += [value(f"past_key_values.{i}.{m}", TensorProto.FLOAT, [1, kv, "past", hd]) for m in ("key", "value")]
        outputs += [value(f"present.{i}.{m}", TensorProto.FLOAT, [1, kv, "total", hd]) for m in ("key", "value")]
    graph = helper.make_graph(w.nodes, "foretoken", inputs, outputs, list(w.constants.values()))
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_MS, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="foretoken")
