"""F1 of aligned syntactic words (CoNLL 2018 shared task)."""

from __future__ import annotations

from modelworks.metrics._conll18 import metric

METRIC = metric("words_f1", "words")
