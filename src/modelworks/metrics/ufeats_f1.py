"""F1 of aligned words with the right universal features (CoNLL 2018 shared task)."""

from __future__ import annotations

from modelworks.metrics._conll18 import metric

METRIC = metric("ufeats_f1", "ufeats")
