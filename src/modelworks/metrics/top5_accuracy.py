"""Top-5 accuracy: the share of examples whose right label is among the five best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.contracts.metric import Metric, additive
from modelworks.kinds import Kind
from modelworks.metrics._values import ranked, ratio, truth


def _statistics(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
    right = truth(target)
    return np.array([any(entry.label == right for entry in ranked(prediction).labels_[:5]), 1.0], dtype=np.float64)


METRIC = Metric(
    name="top5_accuracy",
    signature="top5_accuracy|v1",
    higher_is_better=True,
    statistics=_statistics,
    score=additive(lambda sums: ratio(sums[:, 0], sums[:, 1])),
)
