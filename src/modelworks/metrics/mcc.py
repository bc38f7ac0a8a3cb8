"""Matthews correlation coefficient for any number of classes (Gorodkin 2004): fair under imbalance, 0 for guessing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.contracts.metric import Metric
from modelworks.kinds import Kind
from modelworks.metrics._values import confusions, pair, ratio


def _statistics(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
    return pair(target, prediction, labels)


def _score(statistics: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """0 where all targets or all predictions are one class; NaN without examples."""
    right, targets, predictions = confusions(statistics, weights)
    total = targets.sum(axis=1)
    covariance = right.sum(axis=1) * total - (targets * predictions).sum(axis=1)
    spread = (total**2 - (targets**2).sum(axis=1)) * (total**2 - (predictions**2).sum(axis=1))
    return np.where(total > 0, ratio(covariance, np.sqrt(np.maximum(spread, 0)), empty=0.0), np.nan)


METRIC = Metric(
    name="mcc",
    signature="mcc|multiclass:Gorodkin|v1",
    higher_is_better=True,
    statistics=_statistics,
    score=_score,
    floor=-1.0,
)
