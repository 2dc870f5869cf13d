"""Reads station reports, keeps the sane ones, prints one line each."""

from __future__ import annotations

import csv
import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Iterable, Iterator

MIN_CELSIUS = -60.0
MAX_CELSIUS = 60.0


@dataclass(frozen=True)
class Reading:
    """One measurement of one station."""

    station: str
    taken_at: datetime
    celsius: float
    humidity: float


@dataclass
class Summary:
    """What a station measured, in one line."""

    station: str
    count: int
    mean_celsius: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return (
            f"{self.station:<12} {self.count:>5} readings, "
            f"{self.mean_celsius:5.1f} °C on average "
            f"({self.lowest:.1f} to {self.highest:.1f})"
        )


def parse_row(row: dict[str, str]) -> Reading | None:
    """Turns a CSV row into a reading, or None when a field is wrong."""
    try:
        return Reading(
            station=row["station"].strip(),
            taken_at=datetime.fromisoformat(row["taken_at"]),
            celsius=float(row["celsius"]),
            humidity=float(row["humidity"]),
        )
    except (KeyError, ValueError):
        return None


def is_sane(reading: Reading) -> bool:
    """False for a broken sensor."""
    if not MIN_CELSIUS <= reading.celsius <= MAX_CELSIUS:
        return False
    return 0.0 <= reading.humidity <= 100.0


# demo: type
def read_file(path: Path) -> Iterator[Reading]:
    """Yields the sane readings of one CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            reading = parse_row(row)
            if reading is not None and is_sane(reading):
                yield reading
# demo: end


def by_station(readings: Iterable[Reading]) -> dict[str, list[Reading]]:
    """Groups readings by the name of their station."""
    groups: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        groups[reading.station].append(reading)
    return dict(groups)


def summarize(station: str, readings: list[Reading]) -> Summary:
    """Reduces the readings of one station; there must be at least one."""
    # demo: type
    celsius = [reading.celsius for reading in readings]
    return Summary(
        station=station,
        count=len(readings),
        mean_celsius=statistics.fmean(celsius),
        lowest=min(celsius),
        highest=max(celsius),
    )
    # demo: end


def main(arguments: list[str]) -> int:
    """Prints one line per station for all files on the command line."""
    paths = [Path(name) for name in arguments]
    readings = [reading for path in paths for reading in read_file(path)]
    if not readings:
        print("no readings", file=sys.stderr)
        return 1
    for station, group in sorted(by_station(readings).items()):
        print(summarize(station, group))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
