"""F1 of aligned words with the right lemma (CoNLL 2018 shared task)."""

from __future__ import annotations

from modelworks.metrics._conll18 import metric

METRIC = metric("lemmas_f1", "lemmas")
