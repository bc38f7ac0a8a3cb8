"""F1 over all single decisions of label sets (micro average)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.contracts.metric import Metric, additive
from modelworks.kinds import Kind
from modelworks.metrics._sets import indicators, totals
from modelworks.metrics._values import ratio


def _statistics(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
    return np.append(indicators(target, prediction, labels), 1.0)


def _combine(sums: np.ndarray) -> np.ndarray:
    """0 without any hit; NaN without examples."""
    hits, right, chosen = (part.sum(axis=1) for part in totals(sums[:, :-1]))
    return np.where(sums[:, -1] > 0, ratio(2 * hits, right + chosen, empty=0.0), np.nan)


METRIC = Metric(
    name="set_micro_f1",
    signature="set_micro_f1|average:micro|zero_division:0|v1",
    higher_is_better=True,
    statistics=_statistics,
    score=additive(_combine),
)
