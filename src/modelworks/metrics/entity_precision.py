"""Strict entity precision: the share of the entities found that are right, in boundaries and label (micro)."""

from __future__ import annotations

from modelworks.contracts.metric import Metric, additive
from modelworks.metrics._spans import counts, defined
from modelworks.metrics._values import ratio

METRIC = Metric(
    name="entity_precision",
    signature="entity_precision|scheme:IOB2|mode:strict|average:micro|zero_division:0|v1",
    higher_is_better=True,
    statistics=counts,
    score=additive(lambda sums: defined(ratio(sums[:, 0], sums[:, 2], empty=0.0), sums[:, 3])),
)
