"""Two reports on the same examples: is the candidate no worse, or better?

"No worse" is a non-inferiority test: the candidate must show, at level alpha = 1 - confidence (one-sided), that it
loses less than the margin. A small test split therefore does not let a bad model through; it says what it could have
detected instead. "Better" is the same test with a margin of 0 on the other side: the bound must be above zero.
Slices are the other way round, or none would ever pass: a slice fails only when it is *shown* to be worse than the
margin allows, with p values corrected by Holm over the slices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelworks.contracts.metric import Metric
from modelworks.core.errors import ConfigError
from modelworks.stages.evaluate.conditions import MARGIN
from modelworks.stages.evaluate.intervals import Difference, detectable, difference
from modelworks.stages.evaluate.slices import holm
from modelworks.stages.evaluate.statistics import Table

LEAST = 30
"""Fewest shared examples for a comparison."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A paired test on one metric; differences are candidate minus champion, positive is better."""

    metric: str
    examples: int
    found: Difference
    bound: float
    """One-sided lower confidence bound of the difference."""
    upper: float
    margin: float
    detectable: float
    """Smallest true difference that the test finds in four of five runs."""

    @property
    def no_worse(self) -> bool:
        return self.bound > -self.margin or self.identical

    @property
    def better(self) -> bool:
        return self.bound > 0

    @property
    def worse(self) -> bool:
        """Shown to be worse than the margin allows."""
        return self.upper < -self.margin

    @property
    def identical(self) -> bool:
        """Both give the same score under every resample."""
        return self.found.value == 0 and self.found.error == 0


def shared(candidate: Table, champion: Table) -> tuple[np.ndarray, np.ndarray]:
    """Positions int [m] in both tables of the examples they share, in the candidate's order."""
    places = {one: i for i, one in enumerate(champion.ids)}
    pairs = [(i, places[one]) for i, one in enumerate(candidate.ids) if one in places]
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def margin_of(metric: Metric, margin: float | None) -> float:
    """The margin in the metric's units."""
    if margin is not None:
        return margin
    spread = metric.ceiling - metric.floor
    if not np.isfinite(spread):
        raise ConfigError(f"{metric.name} has no range: say the margin", where="gate.margin", allowed="a number ≥ 0")
    return MARGIN * spread


def compare(
    metric: Metric,
    candidate: Sequence[np.ndarray],
    champion: Sequence[np.ndarray],
    margin: float,
    confidence: float,
    resamples: int,
) -> Comparison:
    """The paired test over statistics of the same examples in the same order."""
    found = difference(metric, candidate, champion, confidence, resamples)
    alpha = 1 - confidence
    ends = np.quantile(found.draws, [alpha, 1 - alpha]) if len(found.draws) else (np.nan, np.nan)
    least = detectable(found.error, alpha)
    return Comparison(metric.name, len(candidate), found, float(ends[0]), float(ends[1]), margin, least)


def worse_slices(comparisons: Sequence[Comparison], confidence: float) -> list[bool]:
    """For each slice: is it shown, after Holm's correction, to be worse than its margin allows?"""
    p = [_tail(one) for one in comparisons]
    return [value < 1 - confidence for value in holm(p)]


def _tail(one: Comparison) -> float:
    """One-sided bootstrap p value of "the loss is within the margin" (with the +1 of Davison & Hinkley 1997), refined
    by the normal tail where the draws cannot resolve it."""
    if one.identical or not len(one.found.draws):
        return 1.0
    from statistics import NormalDist

    if one.found.value >= -one.margin or one.found.error == 0:
        return 1.0
    normal = 1 - NormalDist().cdf((-one.margin - one.found.value) / one.found.error)
    counted = (1 + np.count_nonzero(one.found.draws >= -one.margin)) / (1 + len(one.found.draws))
    return float(max(normal, counted) if counted > 2 / len(one.found.draws) else normal)
