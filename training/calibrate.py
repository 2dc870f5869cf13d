"""Fits the gate on repositories that were never trained on, through the exported int8 graph.

For every cut of every answer: logit P(exactly right) = a + b · sum of log-probabilities + c · tokens,
one curve for line ends and complete answers, one for word ends. Writes the constants into the
package's manifest and prints the curve for the card.

    python calibrate.py ../models/complete --items validation.jsonl
"""

from __future__ import annotations

import argparse
import csv
import tomllib
from pathlib import Path

import numpy as np

import export
import items
import serve

SHOW = 0.5
RIDGE = 1e-3
LEAST_RIGHT = 20


def fit(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Logistic regression by Newton's method: x f64 [n, 3] with a column of ones, y {0, 1} [n] -> weights [3]."""
    w = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ w, -30, 30)))
        step = np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]) + RIDGE * np.eye(len(w)), x.T @ (y - p) - RIDGE * w)
        w += step
        if np.abs(step).max() < 1e-8:
            break
    return w


def deviance(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> float:
    """Mean negative log-likelihood in nats."""
    p = np.clip(1 / (1 + np.exp(-(x @ w))), 1e-6, 1 - 1e-6)
    return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())


def shown(answers: list[serve.Answer], gate: dict[str, dict[str, float]], show: float) -> list[serve.Cut | None]:
    """The longest cut of each answer that passes, if any."""
    return [next((c for c in serve.cuts(a) if c.total > -60 and serve.probability(c, gate) >= show), None) for a in answers]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("--curve", type=Path, default=Path(__file__).with_name("gate_curve.csv"))
    parser.add_argument("--limit", type=int, default=0)
    args = parser.parse_args()
    generator = serve.Generator(args.package)
    places = items.read(args.items)
    if args.limit:
        places = places[:: max(1, len(places) // args.limit)]
    answers = [generator.answer(item) for item in places]
    gate: dict[str, dict[str, float]] = {}
    for name, line in (("line", True), ("word", False)):
        found = [(c, serve.is_right(item, a.text[: c.end], line)) for item, a in zip(places, answers) for c in serve.cuts(a) if c.line == line]
        x = np.array([[1.0, c.total, c.count] for c, _ in found])
        y = np.array([float(r) for _, r in found])
        # Too few right ones say nothing but "hardly ever": such cuts are then never shown.
        w = fit(x, y) if y.sum() >= LEAST_RIGHT else np.array([-20.0, 0.0, 0.0])
        mean = np.stack([x[:, 0], x[:, 1] / np.maximum(x[:, 2], 1), x[:, 2]], axis=1)
        print(f"{name}: {len(y)} cuts, {y.mean():.3f} right; by sum {w.round(4).tolist()} deviance {deviance(x, y, w):.4f}; by mean {deviance(mean, y, fit(mean, y)):.4f}")
        gate[name] = {"a": round(float(w[0]), 4), "b": round(float(w[1]), 4), "c": round(float(w[2]), 4)}
    with args.curve.open("w", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(["show", "share_shown", "precision"])
        for show in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
            picks = shown(answers, gate, show)
            right = [serve.is_right(i, a.text[: c.end], c.line) for i, a, c in zip(places, answers, picks) if c]
            table.writerow([show, f"{len(right) / len(places):.3f}", f"{sum(right) / max(len(right), 1):.3f}"])
            print(f"show at {show}: {len(right) / len(places):.3f} of places, {sum(right) / max(len(right), 1):.3f} right")
    tables = tomllib.loads((args.package / "manifest.toml").read_text())
    tables["gate"] = {**gate, "show": SHOW}
    export.write_manifest(args.package, tables)


if __name__ == "__main__":
    main()
