"""Unlabelled attachment score: F1 of aligned words under the right head (CoNLL 2018 shared task)."""

from __future__ import annotations

from modelworks.metrics._conll18 import metric

METRIC = metric("uas", "uas")
