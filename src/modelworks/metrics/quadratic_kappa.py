"""Cohen's kappa with quadratic weights (Cohen 1968): agreement on a scale, far misses counting most."""

from __future__ import annotations

import numpy as np

from modelworks.contracts.metric import Metric, additive
from modelworks.metrics._ordinal import moments
from modelworks.metrics._values import ratio


def _combine(sums: np.ndarray) -> np.ndarray:
    """1 - seen over chance squared distance; 1 when all targets and predictions are one step, NaN for no scale."""
    n = sums[:, 5]
    t, p, tt, pp, tp = (ratio(sums[:, k], n, empty=0.0) for k in range(5))
    seen, chance = tt + pp - 2 * tp, tt + pp - 2 * t * p
    flat = chance < 1e-12
    return np.where(n > 0, np.where(flat, 1.0, 1 - seen / np.where(flat, 1.0, chance)), np.nan)


METRIC = Metric(
    name="quadratic_kappa",
    signature="quadratic_kappa|weights:quadratic|labels:numbers|v1",
    higher_is_better=True,
    statistics=moments,
    score=additive(_combine),
    floor=-1.0,
)
