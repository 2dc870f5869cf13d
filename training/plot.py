"""Draws `loss.png` from `loss.csv`: training loss and validation bits per byte over tokens."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def main() -> None:
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path, nargs="?", default=here / "loss.csv")
    parser.add_argument("--output", type=Path, default=here / "loss.png")
    args = parser.parse_args()
    with args.table.open() as lines:
        points = list(csv.DictReader(lines))
    tokens = [float(p["tokens"]) / 1e6 for p in points]
    figure, left = plt.subplots(figsize=(6.4, 3.6), dpi=110)
    left.plot(tokens, [float(p["train_nats"]) for p in points], color="tab:blue", marker=".", label="training loss, nats per token")
    left.set_xlabel("million tokens")
    left.set_ylabel("nats per token")
    right = left.twinx()
    right.plot(tokens, [float(p["val_bits_per_byte"]) for p in points], color="tab:red", marker=".", label="validation, bits per byte")
    right.set_ylabel("bits per byte")
    figure.legend(loc="upper right", bbox_to_anchor=(0.88, 0.88), frameon=False)
    figure.tight_layout()
    figure.savefig(args.output)


if __name__ == "__main__":
    main()
