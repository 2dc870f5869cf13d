"""Classifies the root licence text of a checkout; only four permissive licences (or a choice with one) pass.

The text decides, not a manifest's claim and not the host's badge. Do not widen the list here: a new
licence needs a reason in `README.md` and a line in `tests/test_licence.py`.
"""

from __future__ import annotations

import re
from pathlib import Path

ACCEPTED: frozenset[str] = frozenset({"MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause"})

_NAME = re.compile(r"^(licen[cs]es?|copying|unlicense)([-_. ].*)?$", re.IGNORECASE)
_SPACE = re.compile(r"\s+")

# A phrase that only that licence's own text contains. Order matters only for BSD (3 includes 2).
_PHRASES: tuple[tuple[str, str], ...] = (
    ("MIT", "permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files"),
    ("Apache-2.0", "apache license version 2.0, january 2004"),
    ("Apache-2.0", 'licensed under the apache license, version 2.0 (the "license")'),
    ("MPL-2.0", "mozilla public license version 2.0"),
    ("MPL-2.0", "mozilla public license, version 2.0"),
    ("AGPL-3.0", "gnu affero general public license"),
    ("LGPL", "gnu lesser general public license"),
    ("GPL", "gnu general public license"),
    ("EPL", "eclipse public license"),
    ("BSL-1.0", "boost software license - version 1.0"),
    ("BUSL-1.1", "business source license"),
    ("SSPL-1.0", "server side public license"),
    ("ISC", "permission to use, copy, modify, and/or distribute this software for any purpose"),
    ("Elastic-2.0", "elastic license"),
)


def classify(text: str) -> frozenset[str]:
    """The licences whose characteristic phrase stands in one licence text (usually one, sometimes several)."""
    flat = _SPACE.sub(" ", text).lower()
    found = {name for name, phrase in _PHRASES if phrase in flat}
    if "redistribution and use in source and binary forms" in flat:
        third = "neither the name" in flat or "may not be used to endorse" in flat or "may be used to endorse or promote" in flat
        found.add("BSD-3-Clause" if third else "BSD-2-Clause")
    if "sell copies of the software" not in flat and "MIT" in found and "commons clause" in flat:
        found.add("Commons-Clause")
    return frozenset(found)


def licence_files(root: Path) -> list[Path]:
    """The licence texts in the root of a checkout, sorted by name; a `LICENSES` folder counts with its files."""
    files: list[Path] = []
    for entry in sorted(root.iterdir()):
        if _NAME.match(entry.name):
            files += sorted(p for p in entry.iterdir() if p.is_file()) if entry.is_dir() else [entry]
    return files


def decide(texts: list[str]) -> str | None:
    """An SPDX expression of accepted licences, or None where the texts do not permit use.

    Several files are a choice (`LICENSE-MIT` beside `LICENSE-APACHE`). One file with several accepted
    licences lists those of parts taken in, so all of them hold (`AND`). One file that names an
    unaccepted licence beside an accepted one is ambiguous (a part may carry it) and refused unless
    the text itself offers a choice.
    """
    accepted: set[str] = set()
    joined = " OR "
    for text in texts:
        found = classify(text)
        other = found - ACCEPTED
        if other and not offers_choice(text):
            if found & ACCEPTED:
                return None
            continue
        if len(found & ACCEPTED) > 1 and not offers_choice(text):
            joined = " AND "
        accepted |= found & ACCEPTED
    return joined.join(sorted(accepted)) if accepted else None


def offers_choice(text: str) -> bool:
    """Whether a licence text says that the user may choose among the licences it names."""
    flat = _SPACE.sub(" ", text).lower()
    return any(p in flat for p in ("at your option", "dual-licensed", "dual licensed", "either license", "you may choose", "you may select"))


def of_checkout(root: Path) -> str | None:
    """The accepted SPDX expression of a checkout, or None."""
    texts = [p.read_text("utf-8", "replace") for p in licence_files(root)]
    return decide(texts)
