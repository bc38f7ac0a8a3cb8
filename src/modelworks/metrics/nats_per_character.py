"""Negative log-likelihood a character, in nats: the cross-entropy of character models, and the same for others."""

from __future__ import annotations

from modelworks.contracts.metric import Metric, additive
from modelworks.metrics._likelihood import CHARACTERS, NATS, counts, defined

METRIC = Metric(
    name="nats_per_character",
    signature="nats_per_character|unit:character|base:e|v1",
    higher_is_better=False,
    statistics=counts,
    score=additive(lambda sums: defined(sums[:, NATS], sums[:, CHARACTERS])),
    floor=0.0,
    ceiling=float("inf"),
)
