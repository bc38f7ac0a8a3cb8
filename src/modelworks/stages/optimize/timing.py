"""How fast bundles answer here. Machines are noisy, so bundles take turns: every round times each of them once, and
the medians over the rounds count."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from modelworks.kinds import Kind

if TYPE_CHECKING:
    from modelworks.bundle import Predictor, Row

ROUNDS, FEWEST = 9, 3
"""Rounds, and how many there are at least when they take longer than was given."""
SINGLES = 24
"""Most single requests a round."""
BATCHES = (1, 2, 4, 8, 16, 32)


def time_all(
    predictors: Mapping[str, Predictor], inputs: Sequence[Kind], seconds: float
) -> dict[str, dict[str, float]]:
    """Name -> p50_ms and p95_ms of single requests, and throughput (examples a second, all cores at work) of batches;
    about `seconds` for all together, more only where FEWEST rounds take more. `p50_won` and `throughput_won` are
    shares of the rounds in which it beat the first one."""
    singles = _affordable(predictors, inputs, seconds)
    share = seconds / (2 * ROUNDS * len(predictors))
    rounds: dict[str, list[tuple[list[float], float]]] = {name: [] for name in predictors}
    until = time.perf_counter() + seconds
    for turn in range(ROUNDS):
        if turn >= FEWEST and time.perf_counter() > until:
            break
        for name in _turned(list(predictors), turn):
            sample = [inputs[(turn * singles + i) % len(inputs)] for i in range(singles)]
            rounds[name].append((_singles(predictors[name], sample), _throughput(predictors[name], sample, share)))
    first = next(iter(rounds.values()))
    return {name: {**_summary(found), **_steady(found, first)} for name, found in rounds.items()}


def curve(
    predictor: Predictor, inputs: Sequence[Kind], seconds: float, rounds: int = FEWEST
) -> list[tuple[int, float]]:
    """(rows of a batch, milliseconds a row) for growing batches of inputs of like length; about `seconds` for all,
    more only where one batch of each size takes more."""
    rows = sorted(predictor.prepare(list(inputs)), key=lambda row: row.length)
    middle = rows[len(rows) // 4 :] or rows
    costs: dict[int, list[float]] = {size: [] for size in BATCHES if size <= max(len(middle), 1)}
    share, until = seconds / (rounds * len(costs)), time.perf_counter() + seconds
    for turn in range(rounds):
        if turn and time.perf_counter() > until:
            break
        for size, found in costs.items():
            found.append(_row_cost(predictor, middle, size, share))
    return [(size, median(found)) for size, found in costs.items()]


def _row_cost(predictor: Predictor, rows: Sequence[Row], size: int, seconds: float) -> float:
    """Milliseconds a row in batches of `size`: up to 32 rows, fewer when the time is up."""
    began, done = time.perf_counter(), 0
    while done == 0 or (done < 32 and done + size <= max(len(rows), size) and time.perf_counter() - began < seconds):
        predictor.finish(rows[done : done + size])
        done += size
    return (time.perf_counter() - began) * 1000 / done


def cap(costs: Sequence[tuple[int, float]], slack: float = 0.05) -> int:
    """The smallest batch that costs at most `slack` more a row than the cheapest: more would buy nothing."""
    cheapest = min(cost for _, cost in costs)
    return next(size for size, cost in costs if cost <= cheapest * (1 + slack))


def _turned(names: list[str], turn: int) -> list[str]:
    """Another one first each round, so that none always follows the same neighbour."""
    start = turn % max(len(names), 1)
    return names[start:] + names[:start]


def _affordable(predictors: Mapping[str, Predictor], inputs: Sequence[Kind], seconds: float) -> int:
    """Single requests a round for which all rounds fit into `seconds`. Also warms every predictor up."""
    cost = 0.0
    for predictor in predictors.values():
        predictor.predict([inputs[0]])
        began = time.perf_counter()
        for one in inputs[:3]:
            predictor.predict([one])
        cost += (time.perf_counter() - began) / min(3, len(inputs))
    fits = seconds / (ROUNDS * 2 * max(cost, 1e-6))
    return int(min(SINGLES, max(4, fits)))


def _singles(predictor: Predictor, inputs: Sequence[Kind]) -> list[float]:
    times = []
    for one in inputs:
        began = time.perf_counter()
        predictor.predict([one])
        times.append((time.perf_counter() - began) * 1000)
    return times


def _throughput(predictor: Predictor, inputs: Sequence[Kind], seconds: float) -> float:
    """Examples a second when every core is busy, as in the server: as many lanes as cores allow for the bundle's
    threads. Otherwise more threads would always look better than one thread a lane."""
    lanes = max(1, cores() // max(predictor.manifest.runtime.threads, 1))
    began = time.perf_counter()
    if lanes == 1:
        done = [_lane(predictor, inputs, began + seconds)]
    else:
        with ThreadPoolExecutor(lanes) as pool:
            done = list(pool.map(lambda _: _lane(predictor, inputs, began + seconds), range(lanes)))
    return sum(done) / (time.perf_counter() - began)


def _lane(predictor: Predictor, inputs: Sequence[Kind], until: float) -> int:
    """Answer the inputs over and over until the time is up, at least once; how many were answered."""
    done = 0
    while done == 0 or time.perf_counter() < until:
        done += len(predictor.predict(inputs))
    return done


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _steady(rounds: list[tuple[list[float], float]], first: list[tuple[list[float], float]]) -> dict[str, float]:
    pairs = list(zip(rounds, first, strict=True))
    return {
        "p50_won": sum(median(mine) < median(theirs) for (mine, _), (theirs, _) in pairs) / len(pairs),
        "throughput_won": sum(mine > theirs for (_, mine), (_, theirs) in pairs) / len(pairs),
    }


def _summary(rounds: list[tuple[list[float], float]]) -> dict[str, float]:
    return {
        "p50_ms": median(float(np.median(times)) for times, _ in rounds),
        "p95_ms": median(float(np.quantile(times, 0.95)) for times, _ in rounds),
        "throughput": median(rate for _, rate in rounds),
    }
