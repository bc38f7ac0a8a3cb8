"""Perplexity a word, words being parted by white space (Wikitext's metric, as lm-evaluation-harness has it)."""

from __future__ import annotations

import numpy as np

from modelworks.contracts.metric import Metric, additive
from modelworks.metrics._likelihood import NATS, WORDS, counts, defined

METRIC = Metric(
    name="word_perplexity",
    signature="word_perplexity|unit:word|base:e|v1",
    higher_is_better=False,
    statistics=counts,
    score=additive(lambda sums: np.exp(defined(sums[:, NATS], sums[:, WORDS]))),
    floor=1.0,
    ceiling=float("inf"),
)
