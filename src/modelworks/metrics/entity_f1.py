"""Strict entity F1 (CoNLL-2003; seqeval): exact boundaries and label, over all entities (micro)."""

from __future__ import annotations

from modelworks.contracts.metric import Metric, additive
from modelworks.metrics._spans import counts, defined, f1

METRIC = Metric(
    name="entity_f1",
    signature="entity_f1|scheme:IOB2|mode:strict|average:micro|v1",
    higher_is_better=True,
    statistics=counts,
    score=additive(lambda sums: defined(f1(sums[:, 0], sums[:, 1], sums[:, 2]), sums[:, 3])),
)
