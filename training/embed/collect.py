"""Reads the text that the embedder learns from: files, documents and commits of the permissive corpus.

Takes repositories with their history and downloads nothing. Only rows of `corpus.csv` in the split `train`
are read, and of these none that `reserved.csv` names: what judges retrieval must not have been learnt.
The output holds text of others and must stay outside this repository.

    python embed/collect.py REPOSITORIES OUT --manifest corpus.csv     -> OUT/owner+name.jsonl

REPOSITORIES holds folders `owner+name` (a git directory, or one in `repo/` below). A record is
`{kind, path, text, subject?, lines?}`: kind `file` (a source file), `document` (Markdown), or `commit`
(a source file before a commit, with the commit's subject and the 1-based line ranges that it changes).
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import multiprocessing
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import filters  # noqa: E402
import ingest  # noqa: E402

COMMITS = 700
"""Commits read of each repository, newest first."""
MOST_FILES = 3
"""Source files of a commit that has one place its subject could be about."""
FEWEST_WORDS = 4
"""Words of a subject that says something."""
DOCUMENT_BYTES = 1_000_000
"""Documents kept of each repository."""
HOUSEKEEPING = re.compile(
    r"^\W*(revert|merge|chore|release|bump|build|ci|style|version|prepare|deps|backport|changelog|fmt|lint|v\d|upgrade|fixup|squash|wip)\b"
    r"|\[bot\]|dependabot|renovate|bump |release v|translations",
    re.IGNORECASE,
)
NUMBER = re.compile(r"[(\[]?(#|gh-)\d+[)\],.]?", re.IGNORECASE)
HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+")


def folder(root: Path, repository: str) -> Path | None:
    """The git directory of a repository."""
    base = root / repository.replace("/", "+")
    return next((p for p in (base / "repo", base / ".git", base) if (p / "HEAD").exists()), None)


def git(at: Path, *words: str) -> bytes:
    """What git prints."""
    return subprocess.run(["git", "-C", str(at), *words], capture_output=True, check=True).stdout


def tree(at: Path, commit: str, name: str, spdx: str) -> Iterator[dict[str, object]]:
    """Files and documents of a commit, through the same filters as the corpus of the completion model."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / name
        root.mkdir()
        with tarfile.open(fileobj=io.BytesIO(git(at, "archive", commit))) as archive:
            archive.extractall(root, filter="data")
        (root / ".commit").write_text(commit)
        row, records, _ = ingest.take(root)
        if row is None or row.spdx != spdx:
            raise SystemExit(f"{name}: the licence is {row and row.spdx}, the manifest says {spdx}")
        for record in records:
            yield {"kind": "file", "path": record["path"], "text": record["text"]}
        room = DOCUMENT_BYTES
        for path in sorted(p for p in root.rglob("*.md") if p.is_file() and not p.is_symlink()):
            relative = str(path.relative_to(root))
            text, _ = filters.clean(path.read_bytes(), relative)
            if text is None or filters.skip_path(relative) or len(text) > room or "changelog" in relative.lower():
                continue
            room -= len(text)
            yield {"kind": "document", "path": relative, "text": text}


def commits(at: Path, commit: str) -> Iterator[tuple[str, list[tuple[str, str, list[tuple[int, int]]]]]]:
    """Subjects, each with (path, id of the blob before, changed line ranges) of its source files."""
    endings = [f"*{ending}" for ending in ingest.GROUPS]
    # A copy may lack large blobs; git then stops at the commit that needs one, and what came before counts.
    log = subprocess.run(
        ["git", "-C", str(at), "log", "--no-merges", "--no-renames", "--diff-filter=M", "-p", "-U0", "--full-index", "--format=%x01%s%x02",
        "-n", str(COMMITS), commit, "--", *endings], capture_output=True,
    ).stdout.decode("utf-8", "replace")  # fmt: skip
    for entry in log.split("\x01")[1:]:
        subject, _, diff = entry.partition("\x02")
        asked = " ".join(NUMBER.sub(" ", subject).split())
        if HOUSEKEEPING.search(subject) or sum(any(map(str.isalpha, w)) for w in asked.split()) < FEWEST_WORDS:
            continue
        files: list[tuple[str, str, list[tuple[int, int]]]] = []
        for part in diff.split("\ndiff --git ")[1:]:
            head = re.search(r"^index ([0-9a-f]{40})\.\.", part, re.MULTILINE)
            path = re.search(r"^--- a/(.*)$", part, re.MULTILINE)
            hunks = [m for line in part.split("\n") if (m := HUNK.match(line))]
            ranges = [(int(m[1]), int(m[1]) + max(int(m[2] or 1), 1)) for m in hunks]
            if head and path and ranges:
                files.append((path[1], head[1], ranges))
        if 0 < len(files) <= MOST_FILES:
            yield asked, files


def blobs(at: Path, ids: list[str]) -> Iterator[bytes | None]:
    """Contents in the order of their ids; `None` for what this copy lacks."""
    asked = "\n".join(ids) + "\n"
    out = subprocess.run(["git", "-C", str(at), "cat-file", "--batch"], input=asked.encode(), capture_output=True, check=True).stdout
    position = 0
    for _ in ids:
        end = out.index(b"\n", position)
        words = out[position:end].split()
        position = end + 1
        if words[-1] == b"missing":
            yield None
            continue
        size = int(words[2])
        yield out[position : position + size]
        position += size + 1


def attempt(job: tuple[Path, Path, dict[str, str]]) -> str:
    """One repository; a copy that lacks files of the commit is left out with a sentence."""
    try:
        return collect(job)
    except (subprocess.CalledProcessError, tarfile.TarError) as error:
        return f"{job[2]['repository']}: left out, {error}"


def collect(job: tuple[Path, Path, dict[str, str]]) -> str:
    """Writes the records of one repository; says what it did."""
    root, out, row = job
    name = row["repository"].replace("/", "+")
    at = folder(root, row["repository"])
    if at is None:
        return f"{row['repository']}: not there"
    if (out / f"{name}.jsonl").exists():
        return f"{row['repository']}: kept"
    counts = {"file": 0, "document": 0, "commit": 0}
    part = out / f"{name}.part"
    with part.open("w") as file:
        for record in tree(at, row["commit"], name, row["spdx"]):
            counts[str(record["kind"])] += 1
            file.write(json.dumps(record) + "\n")
        changes = [(s, *f) for s, files in commits(at, row["commit"]) for f in files if not filters.skip_path(f[0])]
        for (subject, path, _, lines), data in zip(changes, blobs(at, [c[2] for c in changes])):
            # Ranges are of the file as it stood, so only the test is used of `clean`, not its text.
            if data is None or filters.clean(data, path)[0] is None:
                continue
            counts["commit"] += 1
            text = data.decode("utf-8")
            file.write(json.dumps({"kind": "commit", "path": path, "text": text, "subject": subject, "lines": lines}) + "\n")
    part.rename(out / f"{name}.jsonl")
    return f"{row['repository']}: {counts}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repositories", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with (Path(__file__).parent / "reserved.csv").open() as file:
        reserved = {row["repository"].rsplit("/", 1)[-1].lower() for row in csv.DictReader(file)}
    with arguments.manifest.open() as file:
        rows = [r for r in csv.DictReader(file) if r["split"] == "train" and r["repository"].rsplit("/", 1)[-1].lower() not in reserved]
    jobs = [(arguments.repositories, arguments.out, r) for r in rows if folder(arguments.repositories, r["repository"])]
    with multiprocessing.Pool(arguments.processes) as pool:
        for line in pool.imap_unordered(attempt, jobs):
            print(line, flush=True)


if __name__ == "__main__":
    main()
