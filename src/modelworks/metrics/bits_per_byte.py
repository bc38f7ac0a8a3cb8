"""Negative log-likelihood a UTF-8 byte, in bits (Gao et al. 2020): compares models of any tokens."""

from __future__ import annotations

import math

from modelworks.contracts.metric import Metric, additive
from modelworks.metrics._likelihood import BYTES, NATS, counts, defined

METRIC = Metric(
    name="bits_per_byte",
    signature="bits_per_byte|unit:byte|base:2|v1",
    higher_is_better=False,
    statistics=counts,
    score=additive(lambda sums: defined(sums[:, NATS] / math.log(2), sums[:, BYTES])),
    floor=0.0,
    ceiling=float("inf"),
)
