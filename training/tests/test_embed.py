"""What the embedder learns from, and the rows that unknown terms share."""

import csv
import sys
import unittest
from pathlib import Path

TRAINING = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TRAINING / "embed"))
sys.path.insert(0, str(TRAINING))

import buckets
import collect
import ingest


def repositories(path: Path) -> set[str]:
    with path.open() as file:
        return {row["repository"] for row in csv.DictReader(file)}


class Reserved(unittest.TestCase):
    def test_nothing_that_judges_retrieval_is_learnt(self) -> None:
        reserved = repositories(TRAINING / "embed" / "reserved.csv")
        for name in ("tune", "report"):
            self.assertLessEqual(repositories(TRAINING.parent / "benches" / "retrieval" / f"{name}.csv"), reserved)
        names = {repository.rsplit("/", 1)[-1].lower() for repository in reserved}
        self.assertLessEqual(ingest.RESERVED, names)


class Subjects(unittest.TestCase):
    def test_housekeeping_is_no_question(self) -> None:
        for subject in ("Merge branch 'main'", "chore: tidy up the folder", "Bump serde to 2", "build(deps): bump x"):
            self.assertTrue(collect.HOUSEKEEPING.search(subject), subject)
        for subject in ("Keep the order of nested lists", "Fix a race when closing the stream", "Rebuild the cache on reload"):
            self.assertFalse(collect.HOUSEKEEPING.search(subject), subject)

    def test_numbers_of_pull_requests_are_not_learnt(self) -> None:
        self.assertEqual(" ".join(collect.NUMBER.sub(" ", "Fix lists (#12) as in GH-7").split()), "Fix lists as in")


class Buckets(unittest.TestCase):
    def test_trigrams_are_those_of_the_server(self) -> None:
        # The same values as in `server/engine/src/embed.rs`.
        self.assertEqual(buckets.trigrams("ab"), [1764, 7964])
        self.assertEqual(buckets.trigrams("größe"), [5906, 5089, 2806, 4025, 1880])


if __name__ == "__main__":
    unittest.main()
