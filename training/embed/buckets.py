"""The rows that terms without a row of their own share, told by their trigrams. Standard library only.

The server computes the same in `server/engine/src/embed.rs`; a test on either side holds them together.
"""

from __future__ import annotations

BUCKETS = 8_192


def trigrams(term: str) -> list[int]:
    """Buckets of a term without a row: FNV-1a (32 bits) of the UTF-8 of each three characters of `<term>`."""
    framed = f"<{term}>"
    found = []
    for at in range(max(len(framed) - 2, 1)):
        value = 0x811C9DC5
        for byte in framed[at : at + 3].encode():
            value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
        found.append(value % BUCKETS)
    return found
