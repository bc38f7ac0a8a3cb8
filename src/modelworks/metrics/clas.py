"""Content-word LAS: LAS over words whose relation is one of content (Nivre & Fang 2017; CoNLL 2018)."""

from __future__ import annotations

from modelworks.metrics._conll18 import metric

METRIC = metric("clas", "clas")
