"""The rules that decide which repositories and files reach the shards, each with what it keeps and what it removes."""

import json
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import filters
import ingest
import licence
from ingest import Repository

try:  # the rest needs numpy and zstandard, which a machine that only lints does not have
    import numpy as np

    import dedup
    import overlap
    import shards
except ImportError:  # pragma: no cover
    np = None  # type: ignore[assignment]

MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files"


def function(name: str, lines: int = 12) -> str:
    return f"int {name}(int value) {{\n" + "".join(f"    value += {name}_{i}(value, {i});\n" for i in range(lines)) + "    return value;\n}\n"


class Checkout(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.base = Path(folder.name)

    def checkout(self, name: str, files: dict[str, str], licence_text: str = MIT) -> Path:
        root = self.base / name
        for path, text in {**files, "LICENSE": licence_text, ".commit": "0123abc\n"}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        return root


class Take(Checkout):
    def test_reserved_names_are_refused_in_any_fork(self) -> None:
        files = {"src/a.py": function("a")}
        self.assertIsNone(ingest.take(self.checkout("someone+flask", files))[0])
        self.assertIsNone(ingest.take(self.checkout("someone+HikariCP", files))[0])
        self.assertIsNotNone(ingest.take(self.checkout("someone+flasks", files))[0])

    def test_a_repository_without_a_usable_file_is_none(self) -> None:
        self.assertIsNone(ingest.take(self.checkout("a+b", {"vendor/a.c": function("a"), "README.md": "text"}))[0])

    def test_tests_are_a_fifth_at_most(self) -> None:
        files = {f"src/f{i}.go": function(f"f{i}") for i in range(8)} | {f"tests/t{i}.go": function(f"t{i}") for i in range(8)}
        row, records, why = ingest.take(self.checkout("a+b", files))
        tests = [r for r in records if filters.is_test(r["path"])]
        self.assertEqual((len(records), len(tests), why["cap"]), (10, 2, 6))
        assert row
        self.assertLessEqual(sum(len(r["text"]) for r in tests), 0.2 * row.bytes)

    def test_a_large_repository_stops_at_the_cap(self) -> None:
        whole, ingest.CAP_BYTES = ingest.CAP_BYTES, 3000
        full, ingest.FULL_BYTES = ingest.FULL_BYTES, 2900
        self.addCleanup(setattr, ingest, "CAP_BYTES", whole)
        self.addCleanup(setattr, ingest, "FULL_BYTES", full)
        row, records, why = ingest.take(self.checkout("a+b", {f"src/f{i}.rs": function(f"f{i}") for i in range(12)}))
        assert row
        self.assertLessEqual(row.bytes, 3000)
        self.assertEqual(len(records) + why["cap"], 12)

    def test_headers_are_those_of_the_language_around_them(self) -> None:
        for sources, token in ((("a.cc", "a.h"), "cpp"), (("a.c", "a.h"), "c"), (("a.h",), "cpp"), (("a.c", "a.h", "test/a.cpp"), "cpp")):
            files = {path: function("f" + path[0], 4) + function("g" + path[-1], 4) for path in sources}
            _, records, _ = ingest.take(self.checkout(f"a+{len(sources)}{token}{sources[0]}", files))
            self.assertEqual(next(r["language"] for r in records if r["path"] == "a.h"), token, sources)


class Split(unittest.TestCase):
    def rows(self, number: int, size: int = 1_000_000) -> list[Repository]:
        return [Repository(f"o/r{i}", "c", "MIT", "go", 1, size) for i in range(number)]

    def splits(self, rows: list[Repository]) -> dict[str, int]:
        return {s: sum(r.split == s for r in rows) for s in ("heldout", "validation", "train", "tokenizer") if any(r.split == s for r in rows)}

    def test_a_new_language_gives_two_and_two(self) -> None:
        rows = self.rows(20)
        ingest.split(rows, {})
        self.assertEqual(self.splits(rows), {"heldout": 2, "validation": 2, "train": 16})

    def test_what_was_aside_or_trained_on_stays(self) -> None:
        rows = self.rows(20)
        before = {"o/r1": "heldout", "o/r2": "heldout", "o/r3": "heldout"} | {f"o/r{i}": "train" for i in range(4, 18)}
        ingest.split(rows, before)
        self.assertEqual(self.splits(rows), {"heldout": 3, "validation": 2, "train": 15})
        for r in rows:
            self.assertEqual(r.split, before.get(r.repository, r.split))

    def test_small_repositories_and_languages_give_nothing(self) -> None:
        rows = self.rows(20, 1000)
        ingest.split(rows, {})
        self.assertEqual(self.splits(rows), {"train": 20})
        rows = self.rows(5)
        ingest.split(rows, {})
        self.assertEqual(self.splits(rows), {"tokenizer": 5})


class Headers(unittest.TestCase):
    def test_removed(self) -> None:
        for header in ("// Copyright A. All rights reserved.\n", "# Proprietary and confidential\n", "/* All rights reserved. See licence.txt */\n", "// GPL version 2\n"):
            self.assertTrue(filters.foreign(header), header)

    def test_kept_where_the_header_grants(self) -> None:
        for header in (
            "// Copyright 2009 The Authors. All rights reserved.\n// Use of this source code is governed by a BSD-style\n// license that can be found in the LICENSE file.\n",
            " * All rights reserved.\n *\n * Redistribution and use in source\n * and binary forms, with or without\n",
            "# All rights reserved.\n# SPDX-License-Identifier: Apache-2.0\n",
            "// Copyright nobody\n",
        ):
            self.assertFalse(filters.foreign(header), header)


class Expression(unittest.TestCase):
    def test_parts_in_one_text_hold_together_and_texts_beside_each_other_are_a_choice(self) -> None:
        bsd = "Redistribution and use in source and binary forms, with or without modification"
        self.assertEqual(licence.decide([MIT + "\nThe parser:\n" + bsd]), "BSD-2-Clause AND MIT")
        self.assertEqual(licence.decide([MIT, bsd]), "BSD-2-Clause OR MIT")


@unittest.skipIf(np is None, "needs numpy and zstandard")
class Duplicates(Checkout):
    def record(self, repo: str, text: str, split: str = "train") -> "shards.Record":
        return {"repo": repo, "path": "a.c", "language": "c", "text": text, "split": split}

    def kept(self, records: list["shards.Record"]) -> tuple[list[str], dict[str, int]]:
        left, why = dedup.unique(records, 1)
        return [r["repo"] for r in left], dict(why)

    def test_removed(self) -> None:
        text = function("a", 60)
        near = text.replace("a_7(", "b(")
        spaced = text.replace("\n    ", "\n\t")
        self.assertEqual(self.kept([self.record("x", text), self.record("y", spaced)]), (["x"], {"exact duplicate": 1}))
        self.assertEqual(self.kept([self.record("x", near), self.record("y", text, "heldout")]), (["y"], {"near duplicate": 1}))

    def test_reserved_text_leaves_every_split_and_is_not_written(self) -> None:
        text = function("a", 60)
        near = text.replace("a_7(", "b(")
        records = [self.record("r", text, "reserved"), self.record("s", near, "reserved"), self.record("x", text), self.record("y", near, "heldout"), self.record("z", function("z", 60))]
        names, why = self.kept(records)
        self.assertEqual(names, ["z"])
        self.assertEqual(sum(n for rule, n in why.items() if rule.endswith("of a reserved file")), 2)

    def test_kept(self) -> None:
        self.assertEqual(self.kept([self.record("x", function("a", 60)), self.record("y", function("b", 60))])[0], ["x", "y"])

    def test_reserved_checkouts_are_read_whole(self) -> None:
        root = self.checkout("a+flask", {"tests/fixtures/a.py": "# Copyright nobody, MIT license\n" + function("a"), "tiny.py": "x = 1\n", "a.md": function("m")})
        self.assertEqual([(r["path"], r["text"]) for r in dedup.reserved(root.parent)], [("tests/fixtures/a.py", function("a"))])

    def test_shards_return_what_was_written(self) -> None:
        records = [self.record(f"r{i}", function(f"f{i}")) for i in range(9)]
        whole, shards.SHARD_TEXT_BYTES = shards.SHARD_TEXT_BYTES, 2000
        self.addCleanup(setattr, shards, "SHARD_TEXT_BYTES", whole)
        number = shards.write(list(records), self.base, 1)
        self.assertGreater(number, 1)
        back = list(shards.read(sorted(self.base.glob("shard-*.jsonl.zst"))))
        self.assertEqual(sorted(r["repo"] for r in back), sorted(r["repo"] for r in records))


ITEM = "def median(values):\n    ordered = sorted(values)\n    middle = len(ordered) // 2\n\n    if len(ordered) % 2:\n        return ordered[middle]\n    return sum(ordered[middle - 1 : middle + 1]) / 2\n"


@unittest.skipIf(np is None, "needs numpy and zstandard")
class Overlap(Checkout):
    def known(self) -> dict[str, int]:
        return {w: i for i, w in enumerate(overlap.windows(ITEM))}

    def test_removed(self) -> None:
        lines = ITEM.splitlines()
        for text in (
            "class Statistics:\n" + "".join(f"\t{line}\n\n" for line in lines),  # other indentation, blank lines between
            "import os\n" + "\n".join(lines[:3]) + "\nprint(1)\n",
            "\n".join(line.replace(" ", "  ") for line in lines[1:5]),
        ):
            self.assertTrue(overlap.shared(text, self.known()), text)

    def test_kept(self) -> None:
        lines = ITEM.splitlines()
        for text in ("\n".join(lines[:2]), ITEM.replace("ordered", "ranked"), "\n".join(reversed(lines)), ""):
            self.assertFalse(overlap.shared(text, self.known()), text)

    def test_idiom_and_imports_are_no_windows(self) -> None:
        for text in ("}\n}\n}\n", "return\n}\nelse:\n", "import java.util.List;\nimport java.util.Map;\nimport java.util.Set;\n", "#include <map>\n#include <set>\nusing namespace std;\n"):
            self.assertEqual(overlap.windows(text), set(), text)

    def test_find_and_count(self) -> None:
        items = self.base / "items.jsonl"
        prefix, reference = ITEM[:60], ITEM[60:]
        items.write_text("".join(json.dumps(i) + "\n" for i in ({"set": "s", "prefix": prefix, "reference": reference, "suffix": ""}, {"set": "t", "prompt": function("far"), "reference": "int far;"})))
        (self.base / "records").mkdir()
        rows = [vars(Repository(name, "c", "MIT", "python", 1, 1, split)) for name, split in (("a/x", "train"), ("a/h", "heldout"))]
        (self.base / "repositories.json").write_text(json.dumps(rows))
        for name in ("a+x", "a+h"):
            records = [{"repo": name.replace("+", "/"), "path": f"{i}.py", "language": "python", "text": text} for i, text in enumerate((ITEM, function("near")))]
            (self.base / "records" / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
        known = overlap.Items()
        known.read([items])
        overlap.find(self.base, known, 1)
        found = json.loads((self.base / "contaminated.json").read_text())
        self.assertEqual(found, {"files": [["a/x", "0.py"]], "sets": {"s": {"files": 1, "items": 1}, "t": {"files": 0, "items": 0}}})

        for training, anywhere, touching in ((function("near"), 0, 0), (ITEM[:60], 1, 0), (ITEM, 1, 1)):
            shards.write([{"repo": "a/x", "path": "0.py", "language": "python", "text": training, "split": "train"}], self.base, 1)
            overlap.count(self.base, known, self.base / "overlap.csv", 1)
            self.assertEqual((self.base / "overlap.csv").read_text().splitlines()[1:], [f"s,1,1,1,{anywhere},{touching}", "t,1,0,0,0,0"])


if __name__ == "__main__":
    unittest.main()
