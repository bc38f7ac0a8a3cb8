"""Metric: per-example statistics and a score over any weighting of examples.

Weights make uncertainty cheap: a bootstrap resample is a row of multinomial counts, a slice is a row of zeros and
ones, a paired test compares two models under the same rows. A leaf `modelworks/metrics/<name>.py` sets `METRIC`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from modelworks.core import registry
from modelworks.kinds import Kind

PACKAGE = "modelworks.metrics"


class Statistics(Protocol):
    """What a metric remembers of one example."""

    def __call__(self, target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
        """Float64 array that is all the score needs of this example. `input` matters to few metrics (surface forms);
        callers that score a whole task pass it always."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A score. `name` is the file's name with underscores (`entity_f1`)."""

    name: str
    signature: str
    """Scorer, scheme, tokenizer, thresholds and version in one string, as `entity_f1|scheme:IOB2|mode:strict|v1`."""
    higher_is_better: bool
    statistics: Statistics
    score: Callable[[Sequence[np.ndarray], np.ndarray], np.ndarray]
    """(statistics of n examples, weights float64 [r, n]) -> scores float64 [r]; NaN where undefined."""
    floor: float = 0.0
    ceiling: float = 1.0


def additive(combine: Callable[[np.ndarray], np.ndarray]) -> Callable[[Sequence[np.ndarray], np.ndarray], np.ndarray]:
    """The `score` of a metric whose statistics simply add up: `combine` maps sums [r, k] to scores [r]."""

    def score(statistics: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
        return combine(weights @ np.stack(statistics).astype(np.float64))

    return score


def find(name: str) -> Metric:
    """The metric of a name."""
    found: Metric = registry.leaf(PACKAGE, name, "METRIC")
    return found
