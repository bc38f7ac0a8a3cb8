"""Perplexity a token of the model's own: compares models of one tokenizer only."""

from __future__ import annotations

import numpy as np

from modelworks.contracts.metric import Metric, additive
from modelworks.metrics._likelihood import NATS, TOKENS, counts, defined

METRIC = Metric(
    name="perplexity",
    signature="perplexity|unit:token|base:e|v1",
    higher_is_better=False,
    statistics=counts,
    score=additive(lambda sums: np.exp(defined(sums[:, NATS], sums[:, TOKENS]))),
    floor=1.0,
    ceiling=float("inf"),
)
