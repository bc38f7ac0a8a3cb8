"""Do scores mean what they say? Reliability in equal bins and the expected calibration error.

Expected calibration error: the mean over decisions of |accuracy - mean score| of their bin (Naeini et al., AAAI 2015,
with the equal-width bins (low, high] of Guo et al., ICML 2017, as in the metric `ece`), with a percentile interval.
Entities that were missed carry no score and are not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelworks.stages.evaluate.intervals import weights

BINS = 15
_MOST = 20_000
"""Decisions the interval is drawn from; a regular sample of them beyond that."""


def calibration(scores: Sequence[float], right: Sequence[bool], confidence: float, resamples: int) -> dict[str, Any]:
    """`{"bins": [{low, high, count, score, accuracy}], "ece": {value, low, high}}`; empty parts without scores."""
    if not len(scores):
        return {"bins": [], "ece": {}}
    given, correct = np.asarray(scores, np.float64), np.asarray(right, np.float64)
    index = np.clip(np.ceil(given * BINS).astype(int) - 1, 0, BINS - 1)
    bins = [_bin(number, given[index == number], correct[index == number]) for number in range(BINS)]
    step = -(-len(given) // _MOST)
    draws = _draws(given[::step], correct[::step], index[::step], resamples)
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    gaps = np.bincount(index, weights=correct - given, minlength=BINS)
    value = float(np.abs(gaps).sum() / len(given))
    return {"bins": bins, "ece": {"value": value, "low": float(min(low, value)), "high": float(max(high, value))}}


def _bin(number: int, given: np.ndarray, correct: np.ndarray) -> dict[str, Any]:
    ends = {"low": number / BINS, "high": (number + 1) / BINS, "count": len(given)}
    if not len(given):
        return {**ends, "score": None, "accuracy": None}
    return {**ends, "score": float(given.mean()), "accuracy": float(correct.mean())}


def _draws(given: np.ndarray, correct: np.ndarray, index: np.ndarray, resamples: int) -> np.ndarray:
    gaps = np.zeros((len(given), BINS))
    gaps[np.arange(len(given)), index] = correct - given
    chunks = weights(len(given), min(resamples, 500), seed=1)
    return np.concatenate([np.abs(chunk @ gaps).sum(axis=1) / len(given) for chunk in chunks])
