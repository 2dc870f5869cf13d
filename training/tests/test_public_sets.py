"""Rows as published, in small, against the items they become."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import public_sets


def one(row: public_sets.Row) -> public_sets.PublicItem:
    found = public_sets.convert(iter([row]))
    ((items),) = found.values()
    return items[0]


class Sets(unittest.TestCase):
    def test_a_line_of_its_own_gives_its_end_to_the_text_below(self) -> None:
        row = {"task_id": "SingleLineInfilling/HumanEval/0/L1", "prompt": "def f():\n", "suffix": "", "canonical_solution": "    return 1\n"}
        item = one(row)
        self.assertEqual((item["set"], item["prefix"], item["reference"], item["suffix"]), ("humaneval-single", "def f():\n", "    return 1", "\n"))

    def test_a_span_keeps_its_text(self) -> None:
        row = {"task_id": "RandomSpanInfilling/HumanEval/0/1", "prompt": "a = ", "suffix": " + 1\n", "canonical_solution": "f(x"}
        item = one(row)
        self.assertEqual((item["set"], item["reference"], item["suffix"], item["kind"]), ("humaneval-span", "f(x", " + 1\n", "chars"))

    def test_missing_line_ends_are_put_back(self) -> None:
        row = {"name": "HumanEval_1.json-L2", "language": "js", "prompt": "if (x) {", "suffix": "}", "canonical_solution": "    y();", "tests": ""}
        item = one(row)
        self.assertEqual((item["set"], item["prefix"], item["suffix"]), ("santacoder-fim", "if (x) {\n", "\n}"))
        self.assertEqual((item["language"], item["path"]), ("javascript", "main.js"))

    def test_a_program_is_cut_at_its_hole(self) -> None:
        row = {"task_id": "x_1", "lang": "cpp", "prompt": "", "eval_prompt": "if ({{completion}}) {\r\n", "ground_truth": "a < b", "unit_tests": json.dumps([{"input": ""}])}
        item = one(row)
        self.assertEqual((item["set"], item["prefix"], item["suffix"], item["kind"]), ("safim-control", "if (", ") {\r\n", "control"))
        self.assertEqual(one({**row, "unit_tests": "[]"})["set"], "safim-api")

    def test_rows_of_one_id_stay_apart(self) -> None:
        row = {"name": "n", "language": "py", "prompt": "", "suffix": "", "canonical_solution": "x"}
        found = public_sets.convert(iter([row, dict(row)]))["santacoder-fim"]
        self.assertEqual([item["id"] for item in found], ["n", "n#2"])

    def test_a_strange_row_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            public_sets.set_of({"text": "?"})


if __name__ == "__main__":
    unittest.main()
