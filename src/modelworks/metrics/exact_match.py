"""Share of questions answered exactly, as SQuAD's script counts."""

from __future__ import annotations

from modelworks.contracts.metric import Metric, additive
from modelworks.metrics._answers import best, exact
from modelworks.metrics._values import ratio

METRIC = Metric(
    name="exact_match",
    signature="exact_match|normal:squad-v2|references:max|no-answer:empty|v1",
    higher_is_better=True,
    statistics=best(exact),
    score=additive(lambda sums: ratio(sums[:, 0], sums[:, 1])),
)
