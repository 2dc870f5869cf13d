"""Turns a folder of checkouts into filtered, scrubbed records, split by repository.

A *checkout* is a folder `owner+name` holding a repository at one commit (a git work tree, or plain
files with the commit id in `.commit`). The licence is decided first, reserved names are refused,
then every file passes the filters of `filters.py`. Nothing is downloaded, and the output holds
source text of others: it must stay outside this repository.

    python ingest.py CHECKOUTS OUT_FOLDER      -> OUT/records.jsonl, OUT/repositories.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
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

CAP_BYTES: int = 1_800_000
"""Text kept per repository, so that no one of them sets the tone (breadth beats bulk)."""
TEST_SHARE: float = 0.20
HELD_OUT: int = 3
VALIDATION: int = 3
"""Repositories per group set aside before anything else; 3 of about 25, because 3 % of so few would be one."""
MIN_SPLIT_BYTES: int = 250_000
"""Smaller repositories are not set aside: they would not yield enough places to judge by."""


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
    records: list[dict[str, str]] = []
    total = tests = 0
    for p in kept:
        path = str(p.relative_to(root))
        text, reason = filters.clean(p.read_bytes(), path)
        if text is None:
            why[reason] += 1
            continue
        size = len(text.encode())
        test = filters.is_test(path)
        if total + size > CAP_BYTES or (test and tests + size > TEST_SHARE * CAP_BYTES):
            why["cap"] += 1
            continue
        total += size
        tests += size if test else 0
        records.append({"repo": name, "path": path, "language": TOKENS[p.suffix], "text": text})
    return Repository(name, commit_of(root), spdx, group, len(records), total), records, why


def split(rows: list[Repository]) -> None:
    """Sets `split` of each row: per group, in hash order, the first large enough are held out, then validation."""
    for group in sorted({r.language for r in rows}):
        mine = sorted((r for r in rows if r.language == group), key=lambda r: order("split-1:" + r.repository))
        eligible = [r for r in mine if r.bytes >= MIN_SPLIT_BYTES]
        if len(mine) < 15:  # too few to give any away; such groups feed the tokenizer only
            for r in mine:
                r.split = "tokenizer"
            continue
        for i, r in enumerate(eligible[: HELD_OUT + VALIDATION]):
            r.split = "heldout" if i < HELD_OUT else "validation"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    roots = sorted(p for p in args.checkouts.iterdir() if p.is_dir())
    with multiprocessing.Pool() as pool:
        taken = pool.map(take, roots, chunksize=1)
    rows = [row for row, _, _ in taken if row]
    split(rows)
    of = {r.repository: r.split for r in rows}
    why: Counter[str] = Counter()
    with (args.out / "records.jsonl").open("w") as out:
        for root, (row, records, reasons) in zip(roots, taken):
            why += reasons
            if row is None:
                print(f"refused {root.name}: {dict(reasons)}")
            for record in records:
                out.write(json.dumps({**record, "split": of[record["repo"]]}, ensure_ascii=False) + "\n")
    (args.out / "repositories.json").write_text(json.dumps([vars(r) for r in rows], indent=1))
    print(f"{len(rows)} repositories, {sum(r.files for r in rows)} files, {sum(r.bytes for r in rows) / 1e6:.1f} MB; dropped: {dict(why)}")


if __name__ == "__main__":
    main()
