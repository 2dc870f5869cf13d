"""Makes the packages under `tests/models/`: random weights in the shape of each family and each exporter's
layout, a few hundred kilobytes each, with the ids that the exporter's own framework generates from them.

    python -m venv .venv && . .venv/bin/activate
    pip install torch transformers optimum-onnx onnxruntime onnxruntime-genai onnx tokenizers
    python make.py ../../tests/models            # all, or: python make.py ../../tests/models qwen-a mellum-c

Each folder gets what its exporter writes, and `expected.json`: prompt ids `[length]` and the 64 ids that follow,
greedy. A seed is passed over where the best two logits of a step come nearer than `MARGIN`, since another
processor could then decide otherwise.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Callable

import numpy as np
import onnx
import torch
import transformers

import tokenizers_of
from corpus import PLACES

STEPS = 64
MARGIN = 2e-3
Logits = Callable[[list[int]], np.ndarray]  # ids [length] -> logits of the last position [vocabulary]


def config_of(family: str, vocabulary: int, eos: int, bos: int | None) -> transformers.PretrainedConfig:
    """A configuration with two layers in the family's architecture."""
    ends = dict(bos_token_id=bos, eos_token_id=eos, pad_token_id=None, vocab_size=vocabulary)
    llama = dict(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=512, tie_word_embeddings=False, **ends,
    )
    if family == "qwen":
        return transformers.Qwen2Config(**{**llama, "hidden_size": 64, "tie_word_embeddings": True})
    if family == "starcoder":
        return transformers.GPTBigCodeConfig(
            n_embd=32, n_layer=2, n_head=4, n_inner=64, n_positions=512, multi_query=True, **ends
        )
    if family == "codegemma":
        return transformers.GemmaConfig(**{**llama, "head_dim": 8, "tie_word_embeddings": True})
    # A multiple of 16, as GroupQueryAttention wants it.
    return transformers.LlamaConfig(**llama, head_dim=16)


def checkpoint(family: str, seed: int, folder: Path) -> None:
    """Writes a checkpoint with random weights, spread wide enough that the best token stands out."""
    vocabulary = tokenizers_of.VOCABULARIES[family]
    tokenizer = tokenizers_of.make(family)
    id_of = tokenizer.token_to_id
    config = config_of(
        family, tokenizer.get_vocab_size(), id_of(vocabulary.eos), id_of(vocabulary.bos) if vocabulary.bos else None
    )
    torch.manual_seed(seed)
    model = transformers.AutoModelForCausalLM.from_config(config, torch_dtype=torch.float32).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.normal_(0.0, 0.35)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    said = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 512,
        "eos_token": vocabulary.eos,
        **({"bos_token": vocabulary.bos} if vocabulary.bos else {}),
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(said))


def prompt_ids(family: str, folder: Path, prefix: str, suffix: str) -> list[int]:
    """The family's prompt as its reference code assembles it: control tokens by id, texts encoded alone, and only
    the text that opens the document with the blank that SentencePiece puts there."""
    tokenizer = tokenizers_of.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True
    control = tokenizer.token_to_id

    def text(content: str, opens: bool = False) -> list[int]:
        ids = tokenizer.encode(content, add_special_tokens=False).ids
        if family == "codellama" and not opens:
            # The reference encodes behind a sign and drops that sign's tokens.
            sign = tokenizer.encode("\u263a", add_special_tokens=False).ids
            ids = tokenizer.encode("\u263a" + content, add_special_tokens=False).ids[len(sign):]
        return ids

    if family in ("qwen", "codegemma"):
        front = [control("<bos>")] if family == "codegemma" else []
        return [*front, control("<|fim_prefix|>"), *text(prefix, True), control("<|fim_suffix|>"),
                *text("\n" + suffix), control("<|fim_middle|>")]
    if family == "starcoder":
        return [control("<fim_prefix>"), control("<fim_suffix>"), *text(suffix), control("<fim_middle>"),
                *text(prefix, True)]
    if family == "mellum":
        return [control("<filename>"), *text("src/a.py\n"), control("<fim_suffix>"), *text(suffix),
                control("<fim_prefix>"), *text(prefix, True), control("<fim_middle>")]
    if family == "deepseek":
        bar = "\uff5c"
        return [control(f"<{bar}begin\u2581of\u2581sentence{bar}>"), control(f"<{bar}fim\u2581begin{bar}>"),
                *text(prefix, True), control(f"<{bar}fim\u2581hole{bar}>"), *text("\n" + suffix),
                control(f"<{bar}fim\u2581end{bar}>")]
    pre, mid, suf = (control(f"\u2581<{name}>") for name in ("PRE", "MID", "SUF"))
    return [control("<s>"), pre, suf, *text(suffix), mid, *text(prefix, True)]


def greedy(logits: Logits, prompt: list[int]) -> tuple[list[int], float]:
    """The 64 best ids, and how near the second best ever came."""
    ids, nearest = list(prompt), float("inf")
    for _ in range(STEPS):
        row = logits(ids)
        best, second = np.argsort(row)[::-1][:2]
        nearest = min(nearest, float(row[best] - row[second]))
        ids.append(int(best))
    return ids[len(prompt):], nearest


def by_transformers(folder: Path) -> Logits:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32).eval()

    def logits(ids: list[int]) -> np.ndarray:
        with torch.no_grad():
            return model(torch.tensor([ids])).logits[0, -1].numpy()

    return logits


def by_genai(folder: Path) -> Logits:
    import onnxruntime_genai as og

    model = og.Model(str(folder))

    def logits(ids: list[int]) -> np.ndarray:
        parameters = og.GeneratorParams(model)
        parameters.set_search_options(max_length=512, do_sample=False)
        generator = og.Generator(model, parameters)
        generator.append_tokens(np.array([ids], dtype=np.int32))
        return np.asarray(generator.get_logits()).reshape(-1)

    return logits


def by_onnxruntime(graph: Path) -> Logits:
    """A run of the whole text with an empty past, for graphs that were changed after their export."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])

    def logits(ids: list[int]) -> np.ndarray:
        given: dict[str, np.ndarray] = {}
        for port in session.get_inputs():
            if port.name == "input_ids":
                given[port.name] = np.array([ids], np.int64)
            elif port.name == "attention_mask":
                given[port.name] = np.ones((1, len(ids)), np.int64)
            elif port.name == "position_ids":
                given[port.name] = np.arange(len(ids), dtype=np.int64)[None]
            elif port.name == "use_cache_branch":
                given[port.name] = np.array([False])
            elif port.name == "num_logits_to_keep":
                given[port.name] = np.array(1, np.int64)
            else:
                kind = np.float16 if "float16" in port.type else np.float32
                shape = [1 if at == 0 else size if isinstance(size, int) else 0 for at, size in enumerate(port.shape)]
                given[port.name] = np.zeros(shape, kind)
        return np.asarray(session.run(["logits"], given)[0], np.float32)[0, -1]

    return logits


def optimum(source: Path, target: Path) -> None:
    from optimum.exporters.onnx import main_export

    main_export(str(source), output=target, task="text-generation-with-past", do_validation=False, no_post_process=False)


def genai(source: Path, target: Path, precision: str) -> None:
    from onnxruntime_genai.models.builder import create_model

    create_model("", str(source), str(target), precision, "cpu", str(target / "cache"))
    shutil.rmtree(target / "cache", ignore_errors=True)


def slim(folder: Path) -> None:
    """Drops what no loader reads: notes and shapes of intermediate values, which are most of a tiny graph."""
    for path in folder.rglob("*.onnx"):
        model = onnx.load(str(path))
        for graph in graphs(model.graph):
            del graph.value_info[:]
            for node in graph.node:
                node.doc_string = ""
                del node.metadata_props[:]
            del graph.metadata_props[:]
        del model.metadata_props[:]
        data = [beside for end in (".data", "_data") if (beside := path.with_name(path.name + end)).exists()]
        if data:
            data[0].unlink()
            onnx.save(model, str(path), save_as_external_data=True, location=data[0].name, size_threshold=256)
        else:
            onnx.save(model, str(path))


def graphs(graph: onnx.GraphProto) -> list[onnx.GraphProto]:
    inner = [a.g for node in graph.node for a in node.attribute if a.HasField("g")]
    return [graph, *[g for one in inner for g in graphs(one)]]


def layout_a(source: Path, target: Path) -> Logits:
    optimum(source, target)
    return by_transformers(source)


def layout_f16(source: Path, target: Path) -> Logits:
    """As A with all numbers in half precision, the state too."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    optimum(source, target)
    path = target / "model.onnx"
    model = convert_float_to_float16(onnx.load(str(path)), keep_io_types=False, disable_shape_infer=True)
    onnx.save(model, str(path))
    return by_onnxruntime(path)


def layout_c(source: Path, target: Path) -> Logits:
    """As transformers.js lays it out: variants in a folder, of which the one in blocks of four bits serves."""
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    optimum(source, target)
    (target / "onnx").mkdir()
    whole = target / "model.onnx"
    quantizer = MatMulNBitsQuantizer(onnx.load(str(whole)), block_size=32, is_symmetric=True, accuracy_level=4)
    quantizer.process()
    variant = target / "onnx" / "model_q4.onnx"
    onnx.save(quantizer.model.model, str(variant), save_as_external_data=True, location="model_q4.onnx_data",
              size_threshold=1024)
    whole.unlink()
    return by_onnxruntime(variant)


def layout_d(precision: str) -> Callable[[Path, Path], Logits]:
    def export(source: Path, target: Path) -> Logits:
        genai(source, target, precision)
        return by_genai(target)

    return export


def layout_b(source: Path, target: Path) -> Logits:
    """As older versions of Optimum laid it out: with and without a past behind a switch."""
    optimum(source, target)
    path = target / "model.onnx"
    onnx.save(merged(onnx.load(str(path))), str(target / "decoder_model_merged.onnx"))
    path.unlink()
    return by_transformers(source)


def merged(model: onnx.ModelProto) -> onnx.ModelProto:
    """Both branches of the switch are the graph itself: with an empty past it is the one without."""
    graph = model.graph
    branches = []
    for name in ("no_past", "with_past"):
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in graph.node]
        for node in nodes:
            for names in (node.input, node.output):
                for at, value in enumerate(names):
                    made = any(value in other.output for other in graph.node)
                    names[at] = f"{name}/{value}" if value and made else value
        outputs = [onnx.ValueInfoProto.FromString(port.SerializeToString()) for port in graph.output]
        for port in outputs:
            port.name = f"{name}/{port.name}"
        branches.append(onnx.helper.make_graph(nodes, name, [], outputs))
    switch = onnx.helper.make_node(
        "If", ["use_cache_branch"], [port.name for port in graph.output], then_branch=branches[1],
        else_branch=branches[0],
    )
    branch = onnx.helper.make_tensor_value_info("use_cache_branch", onnx.TensorProto.BOOL, [1])
    whole = onnx.helper.make_graph(
        [switch], "merged", [*graph.input, branch], list(graph.output), list(graph.initializer)
    )
    return onnx.helper.make_model(whole, opset_imports=model.opset_import, ir_version=model.ir_version)


def layout_e(source: Path, target: Path) -> Logits:
    """As D with a past of fixed length."""
    genai(source, target, "fp32")
    path = target / "model.onnx"
    expected = by_genai(target)
    model = onnx.load(str(path))
    for port in [*model.graph.input, *model.graph.output]:
        dims = port.type.tensor_type.shape.dim
        for dim in dims:
            if dim.dim_param == "batch_size":
                dim.dim_value = 1
            elif dim.dim_param in ("past_sequence_length", "total_sequence_length") and len(dims) == 4:
                dim.dim_value = 256
    onnx.save(model, str(path), save_as_external_data=True, location="model.onnx.data", size_threshold=256)
    return expected


PACKAGES: dict[str, tuple[str, Callable[[Path, Path], Logits]]] = {
    "qwen-a": ("qwen", layout_a),
    "qwen-f16": ("qwen", layout_f16),
    "starcoder-a": ("starcoder", layout_a),
    "codegemma-a": ("codegemma", layout_a),
    "codellama-b": ("codellama", layout_b),
    "mellum-c": ("mellum", layout_c),
    "deepseek-d": ("deepseek", layout_d("int4")),
    "codellama-d": ("codellama", layout_d("fp32")),
    "qwen-e": ("qwen", layout_e),
}

KEPT = {"config.json", "generation_config.json", "genai_config.json", "tokenizer.json", "tokenizer_config.json"}


def package(name: str, target: Path) -> None:
    family, export = PACKAGES[name]
    for seed in range(1, 40):
        with tempfile.TemporaryDirectory() as work:
            source, made = Path(work) / "checkpoint", Path(work) / name
            source.mkdir()
            made.mkdir()
            checkpoint(family, seed, source)
            logits = export(source, made)
            cases = []
            for prefix, suffix in PLACES:
                prompt = prompt_ids(family, source, prefix, suffix)
                ids, nearest = greedy(logits, prompt)
                cases.append({"prefix": prefix, "suffix": suffix, "prompt": prompt, "ids": ids, "margin": nearest})
            if min(case["margin"] for case in cases) < MARGIN:
                continue
            slim(made)
            shutil.copy(source / "tokenizer.json", made / "tokenizer.json")
            shutil.copy(source / "tokenizer_config.json", made / "tokenizer_config.json")
            for path in made.iterdir():
                if path.is_file() and path.name not in KEPT and ".onnx" not in path.name:
                    path.unlink()
            # The chat template and the like are of no use, and would be most of the file.
            expected = {"family": family, "seed": seed, "cases": cases}
            (made / "expected.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n")
            shutil.rmtree(target / name, ignore_errors=True)
            shutil.copytree(made, target / name)
            size = sum(path.stat().st_size for path in (target / name).rglob("*") if path.is_file())
            print(f"{name}: seed {seed}, {size / 1000:.0f} kB, margin {min(c['margin'] for c in cases):.4f}")
            return
    raise SystemExit(f"{name}: no seed gave ids that stand out")


def main(arguments: list[str]) -> None:
    target = Path(arguments[0])
    target.mkdir(parents=True, exist_ok=True)
    for name in arguments[1:] or PACKAGES:
        package(name, target)


if __name__ == "__main__":
    main(sys.argv[1:])
