"""Macro F1: the mean of the F1 of the classes (van Rijsbergen 1979), every class counting alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.contracts.metric import Metric
from modelworks.kinds import Kind
from modelworks.metrics._values import confusions, pair, ratio


def _statistics(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
    return pair(target, prediction, labels)


def _score(statistics: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Over the classes that occur, as target or prediction, among the weighted examples (scikit-learn's default)."""
    right, targets, predictions = confusions(statistics, weights)
    occurs = targets + predictions
    return ratio(ratio(2 * right, occurs, empty=0.0).sum(axis=1), (occurs > 0).sum(axis=1))


METRIC = Metric(
    name="macro_f1",
    signature="macro_f1|classes:occurring|zero_division:0|v1",
    higher_is_better=True,
    statistics=_statistics,
    score=_score,
)
