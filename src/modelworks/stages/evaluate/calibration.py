"""Do scores mean what they say? Reliability in equal bins and the expected calibration error.

Expected calibration error: the mean over decisions of |accuracy - mean score| of their bin (Naeini et al., AAAI 2015,
with the equal-width bins (low, high] of Guo et al., ICML 2017, as in the metric `ece`). Its interval is that of any
other score. Entities that were missed carry no score and are not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelworks.contracts.metric import additive
from modelworks.stages.evaluate.intervals import interval

BINS = 15


def calibration(scores: Sequence[float], right: Sequence[bool], confidence: float, resamples: int) -> dict[str, Any]:
    """`{"bins": [{low, high, count, score, accuracy}], "ece": {value, low, high}}`; empty parts without scores."""
    if not len(scores):
        return {"bins": [], "ece": {}}
    given, correct = np.asarray(scores, np.float64), np.asarray(right, np.float64)
    index = np.clip(np.ceil(given * BINS).astype(int) - 1, 0, BINS - 1)
    bins = [_bin(number, given[index == number], correct[index == number]) for number in range(BINS)]
    statistics = np.zeros((len(given), BINS + 1))
    statistics[np.arange(len(given)), index] = given - correct
    statistics[:, BINS] = 1
    found = interval(_Ece(), list(statistics), confidence, resamples)
    return {"bins": bins, "ece": {"value": found.value, "low": found.low, "high": found.high}}


def _bin(number: int, given: np.ndarray, correct: np.ndarray) -> dict[str, Any]:
    ends = {"low": number / BINS, "high": (number + 1) / BINS, "count": len(given)}
    if not len(given):
        return {**ends, "score": None, "accuracy": None}
    return {**ends, "score": float(given.mean()), "accuracy": float(correct.mean())}


class _Ece:
    """The score over decisions, in the shape that `interval` asks of a metric."""

    floor, ceiling = 0.0, 1.0
    score = staticmethod(additive(lambda sums: np.abs(sums[:, :BINS]).sum(axis=1) / sums[:, BINS]))
