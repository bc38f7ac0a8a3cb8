"""Bilexical dependency score: CLAS with the lemma right too (CoNLL 2018 shared task)."""

from __future__ import annotations

from modelworks.metrics._conll18 import metric

METRIC = metric("blex", "blex")
