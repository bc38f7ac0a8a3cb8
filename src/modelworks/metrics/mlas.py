"""Morphology-aware LAS: CLAS with tags, features and functional children right too (CoNLL 2018 shared task)."""

from __future__ import annotations

from modelworks.metrics._conll18 import metric

METRIC = metric("mlas", "mlas")
