"""Brier score (Brier 1950): squared distance between the probabilities and the truth, summed over classes, 0 to 2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.contracts.metric import Metric, additive
from modelworks.kinds import Kind
from modelworks.metrics._values import ranked, ratio, truth


def _statistics(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
    """[distance, 1]. A label that the prediction leaves out has probability 0."""
    scores = {entry.label: entry.score for entry in ranked(prediction).labels_}
    right = truth(target)
    others = sum(score**2 for label, score in scores.items() if label != right)
    return np.array([others + (1.0 - scores.get(right, 0.0)) ** 2, 1.0])


METRIC = Metric(
    name="brier",
    signature="brier|classes:all|v1",
    higher_is_better=False,
    statistics=_statistics,
    score=additive(lambda sums: ratio(sums[:, 0], sums[:, 1])),
    ceiling=2.0,
)
