"""Makes rows for fine-tuning and distillation out of `foretoken export`.

A row of *imitation* is the prompt as the model saw it with an answer worth imitating: one that the user called useful, whose edit
was applied, or (with `--unrated`) of which nothing bad is known. A row of *preference* has one prompt with a better and a worse
answer. Rows of one prompt stay in one split, so that nothing of the validation is trained on. Input holds placeholders for
secrets; they stay. No text enters this repository.

    foretoken export | python feedback.py OUT_FOLDER --licence MIT   -> OUT/train.jsonl, OUT/validation.jsonl, OUT/preference.jsonl
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = 1
"""What `foretoken export` writes; another number has another meaning and is refused."""
VALIDATION = 20
"""One prompt in so many is kept for validation."""


@dataclass(frozen=True)
class Example:
    """One line of the export."""

    system: str
    prompt: str
    answer: str
    task: str
    model: str
    licence: str | None
    worth: int
    """1: called useful or applied; -1: called not useful or discarded; 0: no word. The user's word counts before the edit."""

    @property
    def key(self) -> str:
        """The same for examples with the same prompt; hexadecimal."""
        return hashlib.sha256(json.dumps([self.task, self.system, self.prompt]).encode()).hexdigest()


class Malformed(ValueError):
    """A line that is none of `foretoken export`; says which and why."""


def prompt_of(sections: Iterable[dict[str, Any]], question: str | None) -> str:
    """The sections in their order, each under one line that says what it is, then the question."""
    parts = []
    for section in sections:
        place = section["path"] or ""
        if section["path"] and section["lines"]:
            place += ":{}-{}".format(*section["lines"])
        parts.append(f"[{section['id']} {section['kind']} {place}".rstrip() + f"]\n{section['text'].rstrip()}\n")
    if question:
        parts.append(question.strip() + "\n")
    return "\n".join(parts)


def worth(useful: bool | None, applied: bool | None) -> int:
    """What the signals say together, -1 to 1."""
    word = useful if useful is not None else applied
    return 0 if word is None else 1 if word else -1


def read(lines: Iterable[str]) -> list[Example]:
    """All examples in order. Raises `Malformed` for the first line that is none."""
    examples = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if row["schema"] != SCHEMA:
                raise Malformed(f"line {number}: schema {row['schema']}, this script reads {SCHEMA}")
            examples.append(
                Example(
                    system=row["system"],
                    prompt=prompt_of(row["sections"], row["question"]),
                    answer=row["answer"].strip(),
                    task=row["task"],
                    model=row["model"],
                    licence=row["licence"],
                    worth=worth(row["useful"], row["editApplied"]),
                )
            )
        except (KeyError, TypeError, AttributeError, IndexError, json.JSONDecodeError) as error:
            raise Malformed(f"line {number} is no line of `foretoken export`: {error!r}") from error
    return examples


def permitted(example: Example, licences: set[str]) -> bool:
    """Whether the project's licence is among those; an empty set permits all, a project without one only then."""
    return not licences or example.licence in licences


def split_of(example: Example) -> str:
    """`train` or `validation`, by the prompt alone and so the same in every run."""
    return "validation" if int(example.key[:8], 16) % VALIDATION == 0 else "train"


def imitation(examples: Iterable[Example], unrated: bool) -> list[tuple[str, dict[str, Any]]]:
    """Split and row of each answer worth imitating, each once."""
    rows, seen = [], set()
    for example in examples:
        wanted = example.worth > 0 or (unrated and example.worth == 0)
        mark = (example.key, example.answer)
        if not wanted or not example.answer or mark in seen:
            continue
        seen.add(mark)
        messages = [
            {"role": "system", "content": example.system},
            {"role": "user", "content": example.prompt},
            {"role": "assistant", "content": example.answer},
        ]
        rows.append((split_of(example), {"task": example.task, "teacher": example.model, "messages": messages}))
    return rows


def preference(examples: Iterable[Example]) -> list[dict[str, Any]]:
    """A row for each better and worse answer to one prompt."""
    by_prompt: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_prompt[example.key].append(example)
    rows = []
    for same in by_prompt.values():
        for good in same:
            for bad in same:
                if good.worth > 0 > bad.worth and good.answer != bad.answer:
                    rows.append({"task": good.task, "system": good.system, "prompt": good.prompt, "chosen": good.answer, "rejected": bad.answer})
    return rows


def write(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """One JSON object a line; how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--licence", action="append", default=[], help="only projects under this one; may be given several times")
    parser.add_argument("--unrated", action="store_true", help="imitate answers without a word, too")
    arguments = parser.parse_args()
    try:
        read_in = read(sys.stdin)
    except Malformed as error:
        print(error, file=sys.stderr)
        return 2
    examples = [example for example in read_in if permitted(example, set(arguments.licence))]
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = imitation(examples, arguments.unrated)
    counts = Counter({split: write(arguments.out / f"{split}.jsonl", (row for at, row in rows if at == split)) for split in ("train", "validation")})
    counts["preference"] = write(arguments.out / "preference.jsonl", preference(examples))
    counts["left out by licence"] = len(read_in) - len(examples)
    for name, count in counts.items():
        print(f"{name}: {count}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
