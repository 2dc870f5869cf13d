"""Turns a folder of checkouts into filtered, scrubbed records, split by repository.

A *checkout* is a folder `owner+name` holding a repository at one commit (a git work tree, or plain
files with the commit id in `.commit`). The licence is decided first, reserved names are refused,
then every file passes the filters of `filters.py`. Nothing is downloaded, and the output holds
source text of others: it must stay outside this repository.

    python ingest.py CHECKOUTS OUT --manifest corpus.csv   -> OUT/records/*.jsonl, OUT/repositories.json
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import multiprocessing
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import filters
import licence

RESERVED: frozenset[str] = frozenset(
    "fd just mdbook attrs marshmallow httpie cli astropy sympy sphinx pytest pylint xarray seaborn flask requests dayjs immer ky "
    "mux bubbletea zerolog jsoup hikaricp vavr tinyxml2 cxxopts llhttp".split()
)
"""Repository names kept for independent evaluation; never taken in any version or fork."""

GROUPS: dict[str, str] = {
    ".rs": "rust", ".py": "python", ".ts": "typescript", ".mts": "typescript", ".cts": "typescript", ".tsx": "typescript",
    ".js": "typescript", ".jsx": "typescript", ".mjs": "typescript", ".cjs": "typescript", ".go": "go", ".java": "java",
    ".c": "c", ".h": "c", ".cc": "c", ".cpp": "c", ".cxx": "c", ".hpp": "c", ".hh": "c",
}  # fmt: skip
"""File ending -> corpus group; the group with most bytes is the repository's, its other files are left out."""

TOKENS: dict[str, str] = {
    ".rs": "rust", ".py": "python", ".ts": "typescript", ".mts": "typescript", ".cts": "typescript", ".tsx": "tsx",
    ".js": "javascript", ".jsx": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".go": "go", ".java": "java",
    ".c": "c", ".h": "c", ".cc": "cpp", ".cpp": "cpp", ".cxx": "cpp", ".hpp": "cpp", ".hh": "cpp",
}  # fmt: skip
"""File ending -> language token of `layout.py`."""

CPP_ENDINGS: frozenset[str] = frozenset((".cc", ".cpp", ".cxx", ".hpp", ".hh"))
"""What makes a repository of group `c` one of C++: more bytes under these than under `.c`. Its `.h` are C++ then."""

CAP_BYTES: int = 5_000_000
"""Text kept per repository, so that no one of them sets the tone (breadth beats bulk)."""
FULL_BYTES: int = CAP_BYTES - 20_000
"""From here on a repository counts as full: looking for the last small file that fits is not worth the reading."""
TEST_SHARE: float = 0.20
HELD_OUT: int = 2
VALIDATION: int = 2
"""Repositories that each language has aside at least; what an earlier manifest set aside stays so."""
MIN_SPLIT_BYTES: int = 250_000
"""Smaller repositories are not set aside: they would not yield enough places to judge by."""
MIN_LANGUAGE: int = 15
"""With fewer repositories than this a language gives none away and serves the tokenizer only."""


@dataclass
class Repository:
    """One row of the corpus manifest; `bytes` counts text after filtering and scrubbing."""

    repository: str
    commit: str
    spdx: str
    language: str
    files: int
    bytes: int
    split: str = "train"


def commit_of(root: Path) -> str:
    """The commit id of a checkout."""
    marker = root / ".commit"
    if marker.exists():
        return marker.read_text().strip()
    done = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def order(key: str) -> str:
    """A stable pseudo-random order: the SHA-1 of a name."""
    return hashlib.sha1(key.encode()).hexdigest()


def is_cpp(paths: list[Path]) -> bool:
    """Whether C or C++ files are those of a C++ repository. Headers alone say nothing; with no `.c` at all it is C++."""
    sizes: Counter[str] = Counter()
    for p in paths:
        sizes["cpp" if p.suffix in CPP_ENDINGS else p.suffix] += p.stat().st_size
    return sizes["cpp"] >= sizes[".c"]


def take(root: Path) -> tuple[Repository | None, list[dict[str, str]], Counter[str]]:
    """Reads one checkout: its manifest row, its records `{repo, path, language, text}`, and why files were dropped."""
    name = root.name.replace("+", "/")
    why: Counter[str] = Counter()
    if name.rsplit("/", 1)[-1].lower() in RESERVED:
        return None, [], Counter({"reserved name": 1})
    spdx = licence.of_checkout(root)
    if spdx is None:
        return None, [], Counter({"licence": 1})
    paths = [p for p in root.rglob("*") if p.suffix in GROUPS and p.is_file() and not p.is_symlink()]
    kept = [p for p in paths if not filters.skip_path(str(p.relative_to(root)))]
    why["path"] += len(paths) - len(kept)
    sizes: Counter[str] = Counter()
    for p in kept:
        sizes[GROUPS[p.suffix]] += p.stat().st_size
    if not sizes:
        return None, [], why
    group = sizes.most_common(1)[0][0]
    # Folders in hash order, so that neighbours (which feed the pieces) stay together under the cap.
    kept = sorted((p for p in kept if GROUPS[p.suffix] == group), key=lambda p: (order(str(p.parent.relative_to(root))), p.name))
    language = "cpp" if group == "c" and is_cpp(kept) else group
    records: list[dict[str, str]] = []
    room, total = FULL_BYTES, 0
    for tests in (False, True):  # tests last: how many are wanted depends on how much else there is
        if tests:
            room = min(CAP_BYTES, int(total / (1 - TEST_SHARE)))
        for p in kept:
            path = str(p.relative_to(root))
            if filters.is_test(path) != tests:
                continue
            if total >= room:
                why["cap"] += 1
                continue
            text, reason = filters.clean(p.read_bytes(), path)
            if text is None:
                why[reason] += 1
                continue
            size = len(text.encode())
            if total + size > (room if tests else CAP_BYTES):
                why["cap"] += 1
                continue
            total += size
            token = "cpp" if language == "cpp" and p.suffix == ".h" else TOKENS[p.suffix]
            records.append({"repo": name, "path": path, "language": token, "text": text})
    if not records:
        return None, [], why
    return Repository(name, commit_of(root), spdx, language, len(records), total), records, why


def split(rows: list[Repository], before: dict[str, str]) -> None:
    """Sets `split` of each row. What `before` (repository -> split) has aside or in training stays there.

    A repository that was trained on must never be judged by, and figures compare only while the judges
    stay. What a language lacks is taken in hash order from the new repositories that are large enough.
    """
    for language in sorted({r.language for r in rows}):
        mine = sorted((r for r in rows if r.language == language), key=lambda r: order("split-1:" + r.repository))
        if len(mine) < MIN_LANGUAGE:
            for r in mine:
                r.split = "tokenizer"
            continue
        for r in mine:
            r.split = before.get(r.repository, "train").replace("tokenizer", "train")
        free = [r for r in mine if r.repository not in before and r.bytes >= MIN_SPLIT_BYTES]
        for name, wanted in (("heldout", HELD_OUT), ("validation", VALIDATION)):
            for _ in range(wanted - sum(r.split == name for r in mine)):
                if free:
                    free.pop(0).split = name


def splits_of(manifest: Path) -> dict[str, str]:
    """Repository -> split of an earlier manifest; empty where there is none yet."""
    if not manifest.exists():
        return {}
    with manifest.open(newline="") as table:
        return {row["repository"]: row["split"] for row in csv.DictReader(table)}


def store(job: tuple[Path, Path]) -> tuple[Repository | None, Counter[str]]:
    """Reads one checkout and writes its records to `records/owner+name.jsonl`, so that no text has to travel or wait."""
    root, out = job
    row, records, why = take(root)
    if row:
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        (out / "records" / f"{root.name}.jsonl").write_text(lines)
    return row, why


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--manifest", type=Path, required=True, help="the manifest of the version before; its splits stay")
    parser.add_argument("--jobs", type=int, help="processes; as many as there are processors unless told")
    args = parser.parse_args()
    shutil.rmtree(args.out / "records", ignore_errors=True)
    (args.out / "records").mkdir(parents=True)
    roots = sorted(p for p in args.checkouts.iterdir() if p.is_dir())
    rows: list[Repository] = []
    why: Counter[str] = Counter()
    with multiprocessing.Pool(args.jobs) as pool:
        for root, (row, reasons) in zip(roots, pool.imap(store, [(root, args.out) for root in roots])):
            why += reasons
            if row is None:
                print(f"refused {root.name}: {dict(reasons)}")
            else:
                rows.append(row)
    split(rows, splits_of(args.manifest))
    (args.out / "repositories.json").write_text(json.dumps([vars(r) for r in rows], indent=1))
    print(f"{len(rows)} repositories, {sum(r.files for r in rows)} files, {sum(r.bytes for r in rows) / 1e6:.1f} MB; dropped: {dict(why)}")


if __name__ == "__main__":
    main()
