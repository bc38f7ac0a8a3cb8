"""Uncertainty by the bootstrap, over weights: a resample is a row of multinomial counts.

Intervals are BCa (Efron 1987: bias-corrected, accelerated) while a jackknife is cheap, percentile beyond that. Two
models are compared under the *same* resamples (paired), so what both find hard cancels out. A seed is part of every
call: the same statistics give the same interval for ever.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np

from modelworks.contracts.metric import Metric

_NORMAL = NormalDist()
_CHUNK = 4_000_000
"""Weights made at once (float64: 32 MB)."""
_JACKKNIFE = 3000
"""Most examples for which the acceleration is estimated; beyond, BCa and percentile intervals agree closely."""


class Score(Protocol):
    """What an interval needs of a metric: see contracts.metric.Metric."""

    @property
    def score(self) -> Callable[[Sequence[np.ndarray], np.ndarray], np.ndarray]: ...
    @property
    def floor(self) -> float: ...
    @property
    def ceiling(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Interval:
    """A score in the metric's units with its bounds; NaN where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Candidate minus champion, turned so that positive is better; all in the metric's units."""

    value: float
    low: float
    high: float
    error: float
    """Standard error of the paired difference."""
    draws: np.ndarray
    """The bootstrap differences, float64 [resamples]."""


def weights(n: int, resamples: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Chunks [r, n] of bootstrap counts, `resamples` rows in all; each row sums to n. The rows do not depend on
    the size of the chunks."""
    generator = np.random.default_rng([seed, n])
    rows = max(1, _CHUNK // max(n, 1))
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        yield np.stack([np.bincount(generator.integers(0, n, n), minlength=n) for _ in range(count)]).astype(np.float64)


def draw(metric: Score, statistics: Sequence[np.ndarray], resamples: int, seed: int = 0) -> np.ndarray:
    """Bootstrap scores, float64 [resamples]; NaN where a resample leaves the score undefined."""
    packed = pack(statistics)
    return np.concatenate([metric.score(packed, chunk) for chunk in weights(len(statistics), resamples, seed)])


def point(metric: Score, statistics: Sequence[np.ndarray]) -> float:
    """The score of these examples, NaN when there are none."""
    if not len(statistics):
        return float("nan")
    return float(metric.score(pack(statistics), np.ones((1, len(statistics))))[0])


def interval(
    metric: Score, statistics: Sequence[np.ndarray], confidence: float, resamples: int, seed: int = 0
) -> Interval:
    """The score and its two-sided interval."""
    value = point(metric, statistics)
    if not np.isfinite(value) or len(statistics) < 2:
        return Interval(value, float("nan"), float("nan"))
    draws = draw(metric, statistics, resamples, seed)
    draws = draws[np.isfinite(draws)]
    alpha = (1 - confidence) / 2
    if not len(draws) or np.ptp(draws) == 0:
        return _degenerate(metric, value, len(statistics), alpha)
    low, high = _bca(value, draws, _jackknife(metric, statistics), alpha)
    return Interval(value, float(low), float(high))


def difference(
    metric: Metric,
    candidate: Sequence[np.ndarray],
    champion: Sequence[np.ndarray],
    confidence: float,
    resamples: int,
    seed: int = 0,
) -> Difference:
    """Paired bootstrap of (candidate - champion) over the same examples; two-sided percentile bounds."""
    sign = 1.0 if metric.higher_is_better else -1.0
    value = sign * (point(metric, candidate) - point(metric, champion))
    mine, theirs = pack(candidate), pack(champion)
    chunks = weights(len(candidate), resamples, seed)
    draws = sign * np.concatenate([metric.score(mine, chunk) - metric.score(theirs, chunk) for chunk in chunks])
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        nan = float("nan")
        return Difference(value, nan, nan, nan, draws)
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Difference(value, float(low), float(high), float(draws.std(ddof=1)) if len(draws) > 1 else 0.0, draws)


def detectable(error: float, alpha: float, power: float = 0.8) -> float:
    """The smallest true difference that a one-sided test at level `alpha` finds with `power`."""
    return (_NORMAL.inv_cdf(1 - alpha) + _NORMAL.inv_cdf(power)) * error


def pack(statistics: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """One array when all statistics have one shape: metrics stack them anyway, and this is done once."""
    if isinstance(statistics, np.ndarray):
        return statistics
    arrays = [np.asarray(one) for one in statistics]
    same = len({one.shape for one in arrays}) == 1
    return np.stack(arrays) if same else arrays  # type: ignore[return-value]


def _jackknife(metric: Score, statistics: Sequence[np.ndarray]) -> np.ndarray:
    """Leave-one-out scores, float64 [n]; empty when there are too many examples."""
    n = len(statistics)
    if n > _JACKKNIFE:
        return np.zeros(0)
    packed, rows, scores = pack(statistics), max(1, _CHUNK // n), []
    for start in range(0, n, rows):
        left = np.ones((min(rows, n - start), n))
        left[np.arange(len(left)), start + np.arange(len(left))] = 0
        scores.append(metric.score(packed, left))
    return np.concatenate(scores)


def _bca(value: float, draws: np.ndarray, left_out: np.ndarray, alpha: float) -> tuple[float, float]:
    """Efron, "Better bootstrap confidence intervals" (JASA 1987). Ties count half, as discrete scores have many."""
    below = (np.count_nonzero(draws < value) + 0.5 * np.count_nonzero(draws == value)) / len(draws)
    bias = _NORMAL.inv_cdf(float(np.clip(below, 1e-4, 1 - 1e-4)))
    centred = np.nanmean(left_out) - left_out[np.isfinite(left_out)] if len(left_out) else np.zeros(0)
    spread = float(np.sum(centred**2)) ** 1.5
    acceleration = float(np.sum(centred**3)) / (6 * spread) if spread > 0 else 0.0
    ends = [_adjusted(_NORMAL.inv_cdf(p), bias, acceleration) for p in (alpha, 1 - alpha)]
    low, high = np.quantile(draws, ends)
    return min(float(low), value), max(float(high), value)


def _adjusted(z: float, bias: float, acceleration: float) -> float:
    return _NORMAL.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))


@functools.cache
def _exact(n: int, alpha: float) -> float:
    return float(1 - alpha ** (1 / n))


def _degenerate(metric: Score, value: float, n: int, alpha: float) -> Interval:
    """All resamples agree (every example right, or every one wrong): the exact bound for no event in n trials, since
    the bootstrap would claim certainty."""
    slack = _exact(n, alpha) * (metric.ceiling - metric.floor)
    return Interval(value, max(metric.floor, value - slack), min(metric.ceiling, value + slack))
