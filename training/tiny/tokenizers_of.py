"""Tiny tokenizers with the structure of each family's own: the same kind of model, normalizer, splitter,
decoder and post-processor, and the same spellings of the tokens that are added, with the flags that they have
there. The merges are trained on `corpus.LINES`; nothing is taken from a published vocabulary."""

from __future__ import annotations

from dataclasses import dataclass, field

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from corpus import LINES

# The splitting patterns as the families' documentation states them.
QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Vocabulary:
    """What one family adds. `plain` tokens are added without the flag `special`."""

    special: list[str]
    plain: list[str] = field(default_factory=list)
    bos: str | None = None
    eos: str = "<|endoftext|>"


def _finish(tokenizer: Tokenizer, vocabulary: Vocabulary, merges: int, alphabet: list[str]) -> Tokenizer:
    trainer = trainers.BpeTrainer(
        vocab_size=merges, show_progress=False, initial_alphabet=alphabet, special_tokens=[]
    )
    tokenizer.train_from_iterator(LINES, trainer)
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in vocabulary.special])
    tokenizer.add_tokens([AddedToken(t, normalized=False, special=False) for t in vocabulary.plain])
    return tokenizer


def byte_level(vocabulary: Vocabulary, splitter: object, normalizer: object | None = None) -> Tokenizer:
    """Byte-level BPE: Qwen, StarCoder, DeepSeek, Mellum."""
    tokenizer = Tokenizer(models.BPE())
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return _finish(tokenizer, vocabulary, 380, pre_tokenizers.ByteLevel.alphabet())


def sentence_piece(vocabulary: Vocabulary, prepend: bool) -> Tokenizer:
    """BPE of SentencePiece with a token for each byte: Code Llama (a blank before each text) and Gemma."""
    blank = "\u2581"
    replace = normalizers.Replace(" ", blank)
    training = Tokenizer(models.BPE())
    training.normalizer = replace
    # Merges cross no blank but the one in front, as in the original trainer.
    training.pre_tokenizer = pre_tokenizers.Split(Regex(f"{blank}*[^{blank}\n]*|\n"), "isolated")
    trainer = trainers.BpeTrainer(vocab_size=220, show_progress=False, special_tokens=[])
    training.train_from_iterator(LINES, trainer)
    import json

    learnt = json.loads(training.to_str())["model"]
    tokens = ["<unk>", *[t for t in ("<s>", "</s>") if t in vocabulary.special]]
    tokens += [f"<0x{byte:02X}>" for byte in range(256)]
    tokens += [t for t in sorted(learnt["vocab"], key=learnt["vocab"].get) if t not in tokens]
    vocab = {token: at for at, token in enumerate(tokens)}
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in learnt["merges"]]
    tokenizer = Tokenizer(
        models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = (
        normalizers.Sequence([normalizers.Prepend(blank), replace]) if prepend else replace
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(blank, " "), decoders.ByteFallback(), decoders.Fuse()]
        + ([decoders.Strip(" ", 1, 0)] if prepend else [])
    )
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in vocabulary.special])
    tokenizer.add_tokens([AddedToken(t, normalized=False, special=False) for t in vocabulary.plain])
    if vocabulary.bos is not None:
        bos = vocabulary.bos
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    return tokenizer


STAR = ["<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>", "<fim_pad>", "<filename>", "<gh_stars>", "<reponame>"]

VOCABULARIES = {
    "qwen": Vocabulary(
        special=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        plain=["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"],
    ),
    "starcoder": Vocabulary(special=STAR),
    "mellum": Vocabulary(special=STAR),
    "deepseek": Vocabulary(
        special=["<\uff5cbegin\u2581of\u2581sentence\uff5c>", "<\uff5cend\u2581of\u2581sentence\uff5c>"],
        plain=["<\uff5cfim\u2581hole\uff5c>", "<\uff5cfim\u2581begin\uff5c>", "<\uff5cfim\u2581end\uff5c>", "<|EOT|>"],
        bos="<\uff5cbegin\u2581of\u2581sentence\uff5c>",
        eos="<\uff5cend\u2581of\u2581sentence\uff5c>",
    ),
    "codegemma": Vocabulary(
        special=["<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"],
        plain=["<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|file_separator|>"],
        bos="<bos>",
        eos="<eos>",
    ),
    "codellama": Vocabulary(
        special=["<s>", "</s>", "\u2581<PRE>", "\u2581<MID>", "\u2581<SUF>", "\u2581<EOT>"], bos="<s>", eos="</s>"
    ),
}


def make(family: str) -> Tokenizer:
    """The tiny tokenizer of a family."""
    vocabulary = VOCABULARIES[family]
    if family == "qwen":
        split = pre_tokenizers.Split(Regex(QWEN), "isolated")
        levels = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        return byte_level(vocabulary, pre_tokenizers.Sequence([split, levels]), normalizers.NFC())
    if family in ("starcoder", "mellum"):
        levels = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        return byte_level(vocabulary, pre_tokenizers.Sequence([pre_tokenizers.Digits(True), levels]))
    if family == "deepseek":
        parts = ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+"]
        splits = [pre_tokenizers.Split(Regex(p), "isolated") for p in parts]
        splits += [pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        tokenizer = byte_level(vocabulary, pre_tokenizers.Sequence(splits))
        bos = vocabulary.bos
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
        return tokenizer
    return sentence_piece(vocabulary, prepend=family == "codellama")
