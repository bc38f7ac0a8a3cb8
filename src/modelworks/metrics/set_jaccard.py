"""Jaccard index of label sets, mean over examples: the accuracy of multi-label tasks (SemEval-2018 Task 1 E-c)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.contracts.metric import Metric, additive
from modelworks.kinds import Kind
from modelworks.metrics._sets import sets
from modelworks.metrics._values import ratio


def _statistics(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
    """[shared classes over all classes of both, 1]; two empty sets agree."""
    right, chosen = sets(target, prediction)
    either = right | chosen
    return np.array([len(right & chosen) / len(either) if either else 1.0, 1.0])


METRIC = Metric(
    name="set_jaccard",
    signature="set_jaccard|average:samples|empty:1|v1",
    higher_is_better=True,
    statistics=_statistics,
    score=additive(lambda sums: ratio(sums[:, 0], sums[:, 1])),
)
