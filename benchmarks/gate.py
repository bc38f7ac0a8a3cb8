"""The gate, simulated: how often it releases a model that is worse by the margin (type I error), and how often it holds
back one that is not (type II error).

python benchmarks/gate.py [RUNS]

Writes benchmarks/results/gate.json and the tables of docs/gate.md. Two worlds: `accuracy`, where candidate and
champion disagree on 6 examples of 100, as two trainings of one recipe do; `entity_f1`, where errors come in clusters,
since some sentences are hard for both. True differences are planted; what the gate says is counted.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small products: more threads only wait for each other

import numpy as np
from machine import describe

from modelworks.contracts import metric as metrics
from modelworks.stages.evaluate import intervals
from modelworks.stages.evaluate.paired import Comparison, compare, worse_slices

HERE = Path(__file__).parent
SIZES = (200, 500, 1000, 2000, 4000)
DIFFERENCES = (-0.04, -0.02, -0.01, 0.0, 0.01, 0.02, 0.04)
MARGIN, CONFIDENCE, RESAMPLES = 0.02, 0.95, 300
WEIGHTS = intervals.weights
Pair = tuple[np.ndarray, np.ndarray]


def accuracy(generator: np.random.Generator, n: int, difference: float) -> Pair:
    """Statistics [n, 2] of (candidate, champion): champion right on 85 %, disagreement 6 % or the difference."""
    champion = generator.random(n) < 0.85
    apart = max(0.06, abs(difference))
    won, lost = (apart + difference) / 2, (apart - difference) / 2
    turned = generator.random(n)
    candidate = np.where(champion, turned >= lost / 0.85, turned < won / 0.15)
    return tuple(np.stack([one.astype(float), np.ones(n)], axis=1) for one in (candidate, champion))  # type: ignore[return-value]


def entity_f1(generator: np.random.Generator, n: int, difference: float) -> Pair:
    """Statistics [n, 4] of (candidate, champion): recall and precision near 0.6, hard sentences hard for both."""
    gold = generator.poisson(1.2, n)
    ease = np.where(generator.random(n) < 0.35, 0.25, 0.8)
    both = generator.binomial(gold, np.clip(ease - 0.04, 0, 1))
    left = gold - both

    def side(shift: float) -> np.ndarray:
        hits = both + generator.binomial(left, np.clip(0.14 + 3.3 * shift, 0, 1))
        given = hits + generator.binomial(gold, 0.35)
        return np.stack([hits, gold, given, np.ones(n)], axis=1).astype(float)

    return side(difference), side(0.0)


WORLDS: dict[str, Callable[[np.random.Generator, int, float], Pair]] = {"accuracy": accuracy, "entity_f1": entity_f1}


@functools.cache
def truth(world: str, difference: float) -> float:
    """The true difference that is planted, from half a million examples."""
    metric, one = metrics.find(world), np.ones((1, 500_000))
    candidate, champion = WORLDS[world](np.random.default_rng(0), 500_000, difference)
    return float(metric.score(candidate, one)[0] - metric.score(champion, one)[0])


def simulate(world: str, n: int, difference: float, runs: int) -> dict[str, float]:
    """Shares of runs in which the gate passes "no worse" and "better", and the mean detectable difference."""
    generator, metric = np.random.default_rng([n, int(1000 * difference + 500)]), metrics.find(world)
    found: list[Comparison] = []
    for _ in range(runs):
        candidate, champion = WORLDS[world](generator, n, difference)
        found.append(compare(metric, candidate, champion, MARGIN, CONFIDENCE, RESAMPLES))
    return {
        "world": world, "examples": n, "difference": difference, "true": round(truth(world, difference), 4),
        "no_worse": float(np.mean([one.no_worse for one in found])),
        "better": float(np.mean([one.better for one in found])),
        "detectable": float(np.mean([one.detectable for one in found])),
    }  # fmt: skip


def slices(runs: int, n: int = 125, count: int = 8) -> list[dict[str, float]]:
    """How often the slice check blames a slice: when all are equal, and when one of eight is worse by `loss`."""
    generator, metric, rows = np.random.default_rng(9), metrics.find("accuracy"), []
    for loss in (0.0, 0.05, 0.10, 0.15, 0.20):
        blamed = broken = 0
        for _ in range(runs):
            pairs = [accuracy(generator, n, -loss if number == 0 else 0.0) for number in range(count)]
            tests = [compare(metric, mine, theirs, MARGIN, CONFIDENCE, RESAMPLES) for mine, theirs in pairs]
            worse = worse_slices(tests, CONFIDENCE)
            broken += worse[0]
            blamed += any(worse[1:])
        rows.append({"loss": loss, "found": broken / runs, "false_alarm": blamed / runs})
    return rows


def table(rows: list[dict[str, float]], key: str) -> str:
    """Markdown: a row a size, a column a true difference; shares of runs that pass."""
    head = f"| examples | {' | '.join(f'{d:+.2f}' for d in DIFFERENCES)} | detectable |"
    lines = [head, "|---:|" + "---:|" * (len(DIFFERENCES) + 1)]
    for n in SIZES:
        mine = {row["difference"]: row for row in rows if row["examples"] == n}
        shares = " | ".join(f"{mine[d][key]:.0%}" for d in DIFFERENCES)
        lines.append(f"| {n} | {shares} | {mine[0.0]['detectable']:.3f} |")
    return "\n".join(lines)


def document(rows: list[dict[str, float]], parts: list[dict[str, float]], runs: int) -> None:
    """Replace the tables between the marks of docs/gate.md."""
    pieces = [f"{runs} runs a cell, margin {MARGIN}, confidence {CONFIDENCE:.0%}."]
    for world in WORLDS:
        mine = [row for row in rows if row["world"] == world]
        pieces += [f"\n**{world}: share of runs in which `champion: no worse` passes**, by true difference\n"]
        pieces += [table(mine, "no_worse"), f"\n**{world}: share of runs in which `champion: better` passes**\n"]
        pieces += [table(mine, "better")]
    pieces += ["\n**`slices: no worse`: eight slices of 125 examples, one of them worse**\n"]
    pieces += ["| true loss in the slice | blamed rightly | another slice blamed |", "|---:|---:|---:|"]
    pieces += [f"| {one['loss']:.2f} | {one['found']:.0%} | {one['false_alarm']:.0%} |" for one in parts]
    path, (start, end) = HERE.parent / "docs" / "gate.md", ("<!-- simulation -->", "<!-- end of simulation -->")
    before, rest = path.read_text("utf-8").split(start)
    path.write_text(f"{before}{start}\n{chr(10).join(pieces)}\n{end}{rest.split(end)[1]}", "utf-8")


def main() -> None:
    # The gate's resamples depend on the number of examples alone; here they are made once for all runs.
    intervals.weights = functools.cache(lambda *call: list(WEIGHTS(*call)))
    runs, began = int(sys.argv[1]) if len(sys.argv) > 1 else 100, time.perf_counter()
    rows = [simulate(world, n, d, runs) for world in WORLDS for n in SIZES for d in DIFFERENCES]
    parts = slices(runs)
    at_margin = [row["no_worse"] for row in rows if row["difference"] == -MARGIN]
    result = {
        "what": "share of simulated runs in which the gate passes", "machine": describe(), "runs": runs,
        "margin": MARGIN, "confidence": CONFIDENCE, "resamples": RESAMPLES,
        "type_1_at_margin": {"mean": float(np.mean(at_margin)), "worst": max(at_margin)},
        "cells": rows, "slices": parts, "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "gate.json").write_text(json.dumps(result, indent=2) + "\n")
    document(rows, parts, runs)
    print(json.dumps({key: result[key] for key in ("runs", "type_1_at_margin", "seconds")}))


if __name__ == "__main__":
    main()
