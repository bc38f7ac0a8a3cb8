"""Labelled attachment score: F1 of aligned words under the right head with the right relation (CoNLL 2018)."""

from __future__ import annotations

from modelworks.metrics._conll18 import metric

METRIC = metric("las", "las")
