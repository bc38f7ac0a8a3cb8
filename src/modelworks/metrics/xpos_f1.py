"""F1 of aligned words with the right language-specific tag (CoNLL 2018 shared task)."""

from __future__ import annotations

from modelworks.metrics._conll18 import metric

METRIC = metric("xpos_f1", "xpos")
