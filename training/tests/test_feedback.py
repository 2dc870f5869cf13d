"""What of an export is imitated, what is preferred, what is refused."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(FOLDER))

import feedback


def line(**changes: Any) -> str:
    section = {"id": "S1", "kind": "target", "path": "src/a.rs", "lines": [1, 3], "language": "rust", "text": "fn a() {}\n"}
    row = {"schema": 1, "task": "explain", "template": "explain/1/0", "model": "house/coder", "variant": None, "licence": "MIT", "system": "Answer.", "sections": [section], "question": None, "answer": "It does nothing.\n", "request": "0a", "time": 1, "useful": True, "editApplied": None}
    return json.dumps({**row, **changes})


class Reading(unittest.TestCase):
    def test_the_prompt_is_what_the_model_saw(self) -> None:
        [example] = feedback.read([line(question="why?"), "\n"])
        self.assertEqual(example.prompt, "[S1 target src/a.rs:1-3]\nfn a() {}\n\nwhy?\n")
        self.assertEqual(example.answer, "It does nothing.")

    def test_the_word_counts_before_the_edit(self) -> None:
        for useful, applied, worth in ((True, None, 1), (False, True, -1), (None, True, 1), (None, False, -1), (None, None, 0)):
            self.assertEqual(feedback.worth(useful, applied), worth)

    def test_what_is_no_export_is_refused_with_its_line(self) -> None:
        for bad in ("{", "[]", "3", "{}", line(schema=2), line(sections=[{}]), line(answer=None)):
            with self.assertRaisesRegex(feedback.Malformed, "line 2"):
                feedback.read([line(), bad])


class Rows(unittest.TestCase):
    def test_only_what_was_worth_it_is_imitated_and_once(self) -> None:
        examples = feedback.read([line(), line(), line(useful=False, answer="bad"), line(useful=None, answer="silent"), line(answer=" ")])
        answers = [row["messages"][2]["content"] for _, row in feedback.imitation(examples, unrated=False)]
        self.assertEqual(answers, ["It does nothing."])
        answers = [row["messages"][2]["content"] for _, row in feedback.imitation(examples, unrated=True)]
        self.assertEqual(answers, ["It does nothing.", "silent"])

    def test_a_preference_needs_one_prompt_with_two_answers(self) -> None:
        examples = feedback.read([line(), line(useful=False, answer="bad"), line(useful=False, answer="other", question="else?")])
        [row] = feedback.preference(examples)
        self.assertEqual((row["chosen"], row["rejected"]), ("It does nothing.", "bad"))

    def test_rows_of_one_prompt_stay_in_one_split(self) -> None:
        lines = [line(question=f"question {n % 200}", answer=f"answer {n}") for n in range(600)]
        splits: dict[str, set[str]] = {}
        for split, row in feedback.imitation(feedback.read(lines), unrated=False):
            splits.setdefault(row["messages"][1]["content"], set()).add(split)
        self.assertTrue(all(len(found) == 1 for found in splits.values()))
        self.assertEqual({split for found in splits.values() for split in found}, {"train", "validation"})


class Program(unittest.TestCase):
    def run_on(self, text: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], dict[str, list[Any]]]:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([sys.executable, FOLDER / "feedback.py", folder, *arguments], input=text, capture_output=True, text=True, check=False)
            rows = {path.stem: [json.loads(row) for row in path.read_text().splitlines()] for path in Path(folder).iterdir()}
            return done, rows

    def test_licences_are_kept_apart(self) -> None:
        text = "\n".join([line(), line(licence=None, question="mine?"), line(licence="GPL-3.0-only", question="theirs?")])
        done, rows = self.run_on(text, "--licence", "MIT")
        self.assertEqual((done.returncode, len(rows["train"] + rows["validation"])), (0, 1))
        self.assertIn("left out by licence: 2", done.stdout)
        _, rows = self.run_on(text)
        self.assertEqual(len(rows["train"] + rows["validation"]), 3)

    def test_what_cannot_be_read_writes_nothing(self) -> None:
        done, rows = self.run_on("nonsense\n")
        self.assertEqual((done.returncode, rows), (2, {}))
        self.assertIn("line 1", done.stderr)


if __name__ == "__main__":
    unittest.main()
