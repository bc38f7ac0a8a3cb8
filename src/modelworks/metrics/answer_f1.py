"""Mean F1 of the words of answers, as SQuAD's script counts."""

from __future__ import annotations

from modelworks.contracts.metric import Metric, additive
from modelworks.metrics._answers import best, f1
from modelworks.metrics._values import ratio

METRIC = Metric(
    name="answer_f1",
    signature="answer_f1|normal:squad-v2|references:max|no-answer:empty|v1",
    higher_is_better=True,
    statistics=best(f1),
    score=additive(lambda sums: ratio(sums[:, 0], sums[:, 1])),
)
