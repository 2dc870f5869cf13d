"""Writes the network as an ONNX graph of layout A, in exactly the operators that are fast on a CPU.

Inputs: `input_ids` i64 [1, s]; `attention_mask` i64 [1, past + s]; `num_logits_to_keep` i64, rank 0
(0 keeps all); with an n-gram table `previous_ids` (`graph_memory.py`); `past_key_values.{i}.key|value` f32 [1, kv, past, hd]. Outputs: `logits` f32 [1, n, V];
`present.{i}.key|value`. Past and present may be one buffer (GroupQueryAttention shares them), so a
rewind is a shorter mask. Nothing here mixes two rows: each activation row has its own scale, which
makes a reused prefix equal a fresh one bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import copying
import graph_memory
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


def build(state: dict[str, np.ndarray], shape: dict[str, float], ngrams: np.ndarray | None = None) -> onnx.ModelProto:
    """Weights f32 by their names in `model.py`, the sizes of `Shape` and, for a shape with a memory, its table -> the graph."""
    layers, heads, kv, hd, ff = (int(shape[k]) for k in ("layers", "heads", "kv", "hd", "ff"))
    vocabulary, positions = int(shape["vocabulary"]), int(shape["positions"])
    w = Writer()
    one = w.constant("one", np.array([1], np.int64))
    total = w.node("Cast", [w.node("Squeeze", [w.node("Slice", [w.node("Shape", ["attention_mask"], "mask.shape"), one, w.constant("two", np.array([2], np.int64))], "mask.width")], "mask.total")], "total", to=TensorProto.INT32)
    last = w.node("Sub", [w.node("ReduceSum", ["attention_mask", one], "mask.sum", keepdims=0), one], "mask.last")
    seqlens = w.node("Cast", [last], "seqlens", to=TensorProto.INT32)
    cos, sin = rotary(w, "rotary", hd, shape["theta"], positions)

    table, table_scale = quantise.weight(state["embedding"])
    rows = w.node("Cast", [w.node("Gather", [w.constant("table", table), "input_ids"], "embed.int")], "embed.float", to=TensorProto.FLOAT)
    scale_of = w.node("Unsqueeze", [w.node("Gather", [w.constant("table.scale", table_scale), "input_ids"], "embed.scale"), w.constant("minus_one", np.array([-1], np.int64))], "embed.scale3")
    x = w.node("Mul", [rows, scale_of], "embed")
    found = look_up(w, state["copy.codes"], (seqlens, total), positions, layers)
    x = w.node("Add", [x, w.product(found, "found_in", state["found_in.weight"])], "embed.found")
    listed = None
    if shape["memory"]:
        assert ngrams is not None, "this shape needs an n-gram table"
        listed = graph_memory.read(w, ngrams)
        x = w.node("Add", [x, w.product(graph_memory.hints(w, listed, state), "hints_in", state["hints_in.weight"])], "embed.hints")
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
    last = [keep, w.constant("end", np.array([2**31 - 1], np.int64)), one]
    n = w.node("Slice", [n, *last], "last_rows")
    own = w.product(n, "head", state["embedding"], transposed=w.node("Transpose", ["table"], "table.t", perm=[1, 0]), scales="table.scale")
    copied = believed(w, n, w.node("Slice", [found, *last], "found.last"), state)
    ones = w.constant("codes.scale", np.ones(vocabulary, np.float32))
    copied = w.product(copied, "copied", state["copy.codes"], transposed=w.node("Transpose", ["codes"], "codes.t", perm=[1, 0]), scales=ones)
    logits = w.node("Add", [own, copied], "logits.own" if listed else "logits")
    if listed:
        graph_memory.add_beliefs(w, logits, w.product(n, "memory_gate", state["memory_gate.weight"]), listed, state, last, w.node("Slice", [w.node("Shape", [n], "kept.shape"), one, w.constant("two", np.array([2], np.int64))], "kept"))
    return model_of(w, [(kv, hd)] * layers + [(copying.GROUPS, hd)] * 2, vocabulary, listed is not None)


def rotary(w: Writer, name: str, hd: int, theta: float, positions: int) -> tuple[str, str]:
    """Cosine and sine caches f32 [positions, hd/2]."""
    inverse = theta ** (-np.arange(0, hd, 2, dtype=np.float64) / hd)
    angle = np.arange(positions, dtype=np.float64)[:, None] * inverse
    return w.constant(f"{name}.cos", np.cos(angle).astype(np.float32)), w.constant(f"{name}.sin", np.sin(angle).astype(np.float32))


def look_up(w: Writer, codes: np.ndarray, lengths: tuple[str, str], positions: int, layer: int) -> str:
    """The fixed heads of `copying.py` as two attention nodes with caches `layer` and `layer + 1`: found f32 [1, s, 6·hd].

    Only gathers, slices and products by constants, so every row is exact however it is run. The outputs
    of six heads stand side by side: group 0 (first halves of the codes) for the three distances or
    orders, then group 1 (second halves).
    """
    hd, orders, slots = codes.shape[1] // copying.GROUPS, copying.ORDERS, copying.slots(codes.shape[1] // copying.GROUPS)
    code = w.node("Cast", [w.node("Gather", [w.constant("codes", codes.astype(np.int8)), "input_ids"], "code.int")], "code", to=TensorProto.FLOAT)
    fixed = np.zeros((1, 1, 6 * hd + 2 * hd), np.float32)
    for i, (key, real, imaginary) in enumerate(copying.turning(hd)):
        for group in range(2):
            fixed[0, 0, 6 * hd + group * hd + i] = key
            for n in range(orders):
                head = (group * orders + n) * hd
                fixed[0, 0, head + i], fixed[0, 0, head + i + hd // 2] = real[n], imaginary[n]
    zero = w.node("Mul", [cut(w, code, 0, 1, "code.first"), w.constant("zero", np.float32(0))], "code.zero")
    heads = w.node("Add", [zero, w.constant("bring.fixed", fixed)], "bring.heads")
    w.node("GroupQueryAttention", [w.node("Concat", [heads, code], "bring.qkv", axis=-1), "", "", f"past_key_values.{layer}.key", f"past_key_values.{layer}.value", *lengths, *rotary(w, "bring", hd, 10_000.0, positions)], "bring", _MS,
           outputs=["bring.out", f"present.{layer}.key", f"present.{layer}.value"], num_heads=6, kv_num_heads=2, do_rotary=1, rotary_interleaved=0)  # fmt: skip

    def back(n: int, a: int, b: int) -> str:
        """Columns a..b (of the first half) of the code n tokens back."""
        return cut(w, code, a, b, f"back.0.{a}") if n == 0 else cut(w, "bring.out", (n - 1) * hd + a, (n - 1) * hd + b, f"back.{n}.{a}")

    key = w.node("Concat", [back(n + 1, *slot) for n, slot in enumerate(slots)], "find.key", axis=-1)
    last = w.node("Concat", [back(n, *slot) for n, slot in enumerate(slots)], "find.last", axis=-1)
    queries = []
    for order in range(1, orders + 1):
        heat = np.zeros(hd, np.float32)
        heat[: slots[order - 1][1]] = copying.HEAT[order - 1]
        queries.append(w.node("Mul", [last, w.constant(f"find.heat{order}", heat)], f"find.query{order}"))
    packed = w.node("Concat", [*queries, *queries, key, key, code], "find.qkv", axis=-1)
    layer += 1
    w.node("GroupQueryAttention", [packed, "", "", f"past_key_values.{layer}.key", f"past_key_values.{layer}.value", *lengths], "find", _MS,
           outputs=["find.out", f"present.{layer}.key", f"present.{layer}.value"], num_heads=6, kv_num_heads=2)  # fmt: skip
    parts = [cut(w, "find.out", (group * orders + n) * hd, (group * orders + n + 1) * hd, f"found.{n}.{group}") for n in range(orders) for group in range(2)]
    return w.node("Concat", parts, "found", axis=-1)


def believed(w: Writer, n: str, found: str, state: dict[str, np.ndarray]) -> str:
    """Gate per order times found code, summed: f32 [1, s, 2·hd], the factor 1 / (2·hd) of the logits included."""
    width, orders = state["copy.codes"].shape[1], copying.ORDERS
    gate = w.node("Add", [w.product(n, "found_gate", state["found_gate.weight"]), w.constant("found_bias", state["found_bias"])], "gate")
    parts = [w.node("Mul", [cut(w, gate, o, o + 1, f"gate.{o}"), cut(w, found, o * width, (o + 1) * width, f"found.last.{o}")], f"believed.{o}") for o in range(orders)]
    total = w.node("Add", [w.node("Add", parts[:2], "believed.two"), parts[2]], "believed.all")
    return w.node("Mul", [total, w.constant("found.scale", np.float32(1 / width))], "believed")


def cut(w: Writer, x: str, a: int, b: int, name: str) -> str:
    """Columns a..b of the last axis."""
    bound = [w.constant(f"at.{v}", np.array([v], np.int64)) for v in (a, b)]
    return w.node("Slice", [x, *bound, w.constant("minus_one", np.array([-1], np.int64))], name)


def residual(w: Writer, x: str, y: str, name: str, norm: np.ndarray) -> str:
    """norm(x + y); the sum itself is `{name}.sum`."""
    w.node("SkipSimplifiedLayerNormalization", [x, y, w.constant(f"{name}.norm", norm)], f"{name}.skip", _MS,
           outputs=[f"{name}.normed", "", "", f"{name}.sum"], epsilon=EPSILON)  # fmt: skip
    return f"{name}.normed"


def model_of(w: Writer, caches: list[tuple[int, int]], vocabulary: int, previous: bool) -> onnx.ModelProto:
    """The graph with its inputs and outputs declared; `caches` holds (kv, hd) per attention node."""
    value = helper.make_tensor_value_info
    inputs = [value("input_ids", TensorProto.INT64, [1, "sequence"]), value("attention_mask", TensorProto.INT64, [1, "total"]), value("num_logits_to_keep", TensorProto.INT64, [])]
    inputs += [value("previous_ids", TensorProto.INT64, [1, "previous"])] * previous
    outputs = [value("logits", TensorProto.FLOAT, [1, "kept", vocabulary])]
    for i, (kv, hd) in enumerate(caches):
        inputs += [value(f"past_key_values.{i}.{m}", TensorProto.FLOAT, [1, kv, "past", hd]) for m in ("key", "value")]
        outputs += [value(f"present.{i}.{m}", TensorProto.FLOAT, [1, kv, "total", hd]) for m in ("key", "value")]
    graph = helper.make_graph(w.nodes, "foretoken", inputs, outputs, list(w.constants.values()))
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_MS, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="foretoken")
