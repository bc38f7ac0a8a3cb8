"""Accuracy: the share of examples whose best label is the right one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.contracts.metric import Metric, additive
from modelworks.kinds import Kind
from modelworks.metrics._values import best, ratio, truth


def _statistics(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
    return np.array([best(prediction) == truth(target), 1.0])


METRIC = Metric(
    name="accuracy",
    signature="accuracy|v1",
    higher_is_better=True,
    statistics=_statistics,
    score=additive(lambda sums: ratio(sums[:, 0], sums[:, 1])),
)
