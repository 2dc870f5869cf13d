"""The layout against the golden file that the engine is held to as well, and the budgets of `encode_place`."""

import json
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import layout


def letters(text: str) -> tuple[list[int], list[int]]:
    """A toy encoder: one token per character, ids from 100 on."""
    return [100 + ord(c) for c in text], list(range(len(text)))


def place(case: dict) -> layout.Place:
    pieces = tuple(layout.Piece(p["path"], p["text"]) for p in case["pieces"])
    return layout.Place(case["language"], case["path"], case["prefix_lines"], case["head"], case["tail"], case["suffix"], pieces)


class Golden(unittest.TestCase):
    cases = json.loads((ROOT / "layout_golden.json").read_text())["cases"]

    def test_sections(self) -> None:
        for case in self.cases:
            with self.subTest(case["name"]):
                self.assertEqual(layout.sections(place(case)), case["sections"])

    def test_ids_follow_sections_where_budgets_suffice(self) -> None:
        wide = layout.Budget(positions=9999, file=999, context=999, suffix=999, prefix=999, tail=999, generate=999)
        for case in self.cases:
            with self.subTest(case["name"]):
                expected: list[int] = []
                for section in case["sections"]:
                    expected += [layout.CONTROL_ID[section["control"]]] if "control" in section else letters(section["text"])[0]
                self.assertEqual(layout.encode_place(place(case), wide, letters).ids, expected)


class Controls(unittest.TestCase):
    def test_order_is_frozen(self) -> None:
        self.assertEqual(len(layout.CONTROLS), 48)
        spelled = [layout.spelling(name) for name in layout.CONTROLS]
        self.assertEqual(spelled[:9], ["<|bos|>", "<|eom|>", "<|pad|>", "<|suf|>", "<|pre|>", "<|tail|>", "<|cur|>", "<|ctx|>", "<|file|>"])
        self.assertEqual(spelled[9:14], ["<|rust|>", "<|python|>", "<|javascript|>", "<|typescript|>", "<|tsx|>"])
        self.assertEqual(spelled[-1], "<|reserved_47|>")
        self.assertEqual(len(set(spelled)), 48)


class Budgets(unittest.TestCase):
    def test_parts_fit_the_positions(self) -> None:
        for b in (layout.STAGE0, layout.STAGE1):
            self.assertLessEqual(b.file + b.context + b.suffix + b.prefix + b.tail + b.generate, b.positions)

    def test_a_long_place_stays_within_its_budget(self) -> None:
        b = layout.STAGE0
        long = layout.Place("rust", "a/" * 40 + "b.rs", "let x = 1;\n" * 200, "    call(", "); // " + "t" * 90, "more();\n" * 90, (layout.Piece("c.rs", "fn c() {}\n" * 40),) * 3)
        ids = layout.encode_place(long, b, letters).ids
        self.assertLessEqual(len(ids), b.positions - b.generate)
        self.assertEqual(ids[-len("    call(") :], letters("    call(")[0])

    def test_a_cut_window_begins_at_a_line(self) -> None:
        text = "".join(f"line {i}\n" for i in range(100)) + "head"
        for anchor in (0, 50, 99):
            ids = layout.window(text, 60, letters, 0.7, anchor)
            self.assertLessEqual(len(ids), 60)
            self.assertTrue("".join(chr(i - 100) for i in ids).startswith("line "))

    def test_a_cut_suffix_ends_with_a_line(self) -> None:
        self.assertEqual(layout.first_lines("ab\ncd\nef\n", 7, letters), letters("ab\ncd\n")[0])
        self.assertEqual(layout.first_lines("abcdefgh\n", 4, letters), letters("abcd")[0])
        self.assertEqual(layout.first_lines("ab\n", 4, letters), letters("ab\n")[0])

    def test_middle_joins_the_text_before_the_cursor(self) -> None:
        p = layout.place_at("python", "a.py", "def f():\n    ret", " + 1\n    done()\n")
        ids = layout.encode_place(p, layout.STAGE0, letters, middle="urn x").ids
        self.assertEqual(ids[-len("    return x") :], letters("    return x")[0])


if __name__ == "__main__":
    unittest.main()
