"""F1 of surface tokens with the same offsets (CoNLL 2018 shared task)."""

from __future__ import annotations

from modelworks.metrics._conll18 import metric

METRIC = metric("tokens_f1", "tokens")
