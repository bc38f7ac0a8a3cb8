"""Aligned tag F1 (CoNLL 2018 shared task): of tokens with the same offsets and the same tag. With given tokens it is
the accuracy."""

from __future__ import annotations

from modelworks.contracts.metric import Metric, additive
from modelworks.metrics._tags import counts
from modelworks.metrics._values import ratio

METRIC = Metric(
    name="tag_f1",
    signature="tag_f1|over:tokens|alignment:offsets|average:micro|v1",
    higher_is_better=True,
    statistics=counts,
    score=additive(lambda sums: ratio(2 * sums[:, 0], sums[:, 1] + sums[:, 2])),
)
