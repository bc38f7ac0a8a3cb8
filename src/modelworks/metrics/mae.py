"""Mean absolute error of labels on a scale (stars): how many steps a prediction is off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.contracts.metric import Metric, additive
from modelworks.kinds import Kind
from modelworks.metrics._ordinal import steps
from modelworks.metrics._values import ratio


def _statistics(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
    """[steps off, 1]; zeros, and so no score, when the labels are no scale of numbers."""
    found = steps(target, prediction, labels)
    return np.zeros(2) if found is None else np.array([abs(found[0] - found[1]), 1.0])


METRIC = Metric(
    name="mae",
    signature="mae|labels:numbers|v1",
    higher_is_better=False,
    statistics=_statistics,
    score=additive(lambda sums: ratio(sums[:, 0], sums[:, 1])),
    ceiling=float("inf"),
)
