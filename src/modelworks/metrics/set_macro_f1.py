"""Mean over classes of the F1 of "this class applies" (macro average of label sets)."""

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
    """Over the classes that occur, as target or prediction, among the examples; 0 when none does, NaN without
    examples."""
    hits, right, chosen = totals(sums[:, :-1])
    occurs = right + chosen
    mean = ratio(ratio(2 * hits, occurs, empty=0.0).sum(axis=1), (occurs > 0).sum(axis=1), empty=0.0)
    return np.where(sums[:, -1] > 0, mean, np.nan)


METRIC = Metric(
    name="set_macro_f1",
    signature="set_macro_f1|classes:occurring|zero_division:0|v1",
    higher_is_better=True,
    statistics=_statistics,
    score=additive(_combine),
)
