"""Trains the byte-level BPE of the embedded model and writes `tokenizer.json`.

8,192 entries: 48 control tokens (`layout.py`), 256 bytes, the rest merges. It is trained once on all
six languages and then frozen: every figure in the card depends on it. There is no post-processor and
no normaliser, so ids depend on the text alone.

    python tokenizer.py OUT/shard-*.jsonl.zst --output ../models/complete/tokenizer.json
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

import layout
import shards

VOCABULARY = 8192
SAMPLE_BYTES = 40_000_000

PRE_TOKEN = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
"""The shape of GPT-4's pre-tokens without its English contractions (`'static` is one word in Rust),
digits in groups of at most two; a newline run always ends a pre-token, so no merge crosses into the
indentation behind it."""


def build() -> Tokenizer:
    """An untrained tokenizer with the pre-tokeniser and decoder."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PRE_TOKEN), behavior="isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def sample(paths: list[Path], limit: int, seed: int) -> list[str]:
    """Training texts, at most `limit` bytes, the same amount of each corpus group as far as it goes."""
    group = {"javascript": "typescript", "tsx": "typescript", "cpp": "c"}
    texts: dict[str, list[str]] = defaultdict(list)
    for record in shards.read(paths):
        if record["split"] in ("train", "tokenizer"):
            texts[group.get(record["language"], record["language"])].append(record["text"])
    out: list[str] = []
    for i, name in enumerate(sorted(texts, key=lambda n: sum(map(len, texts[n])))):
        share = (limit - sum(map(len, out))) // (len(texts) - i)
        random.Random(seed).shuffle(texts[name])
        for text in texts[name]:
            if share <= 0:
                break
            out.append(text)
            share -= len(text)
    return out


def train(texts: list[str]) -> Tokenizer:
    """The trained tokenizer; control tokens get ids 0..47 because they are added before any text is seen."""
    tokenizer = build()
    special = [AddedToken(layout.spelling(name), special=True, normalized=False) for name in layout.CONTROLS]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    batches: Iterator[list[str]] = (texts[i : i + 64] for i in range(0, len(texts), 64))
    tokenizer.train_from_iterator(batches, trainer)
    for i, name in enumerate(layout.CONTROLS):
        assert tokenizer.token_to_id(layout.spelling(name)) == i, name
    assert tokenizer.get_vocab_size() == VOCABULARY
    return tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    tokenizer = train(sample(args.shards, SAMPLE_BYTES, args.seed))
    args.output.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(args.output))
    for language in ("rust", "python", "typescript", "javascript", "go", "java", "c", "cpp"):
        texts = [r["text"] for r in shards.read(args.shards) if r["language"] == language and r["split"] in ("heldout", "tokenizer")][:200]
        if texts:
            ids = sum(len(e.ids) for e in tokenizer.encode_batch(texts))
            print(f"{language}: {sum(len(t.encode()) for t in texts) / ids:.2f} bytes per token")


if __name__ == "__main__":
    main()
