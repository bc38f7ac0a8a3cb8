"""Expected calibration error (Naeini et al. 2015; Guo et al. 2017): how far confidence is from accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.contracts.metric import Metric, additive
from modelworks.kinds import Kind
from modelworks.metrics._values import ranked, ratio, truth

BINS = 15


def _statistics(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
    """[confidence minus correctness, in the example's bin; 1]. Bins are (low, high], as in Guo et al."""
    found = ranked(prediction)
    gaps = np.zeros(BINS + 1)
    place = min(max(int(np.ceil(found.score * BINS)) - 1, 0), BINS - 1)
    gaps[place] = found.score - (found.label == truth(target))
    gaps[BINS] = 1.0
    return gaps


METRIC = Metric(
    name="ece",
    signature=f"ece|bins:{BINS}|width:equal|label:top|v1",
    higher_is_better=False,
    statistics=_statistics,
    score=additive(lambda sums: ratio(np.abs(sums[:, :BINS]).sum(axis=1), sums[:, BINS])),
)
