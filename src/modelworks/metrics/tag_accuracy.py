"""Tag accuracy: the share of the tokens of the target that are found and have the right tag. With given tokens it is
the plain accuracy over tokens."""

from __future__ import annotations

from modelworks.contracts.metric import Metric, additive
from modelworks.metrics._tags import counts
from modelworks.metrics._values import ratio

METRIC = Metric(
    name="tag_accuracy",
    signature="tag_accuracy|over:tokens|alignment:offsets|average:micro|v1",
    higher_is_better=True,
    statistics=counts,
    score=additive(lambda sums: ratio(sums[:, 0], sums[:, 1])),
)
