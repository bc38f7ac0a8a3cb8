"""BLEU without letter case over the corpus, as sacreBLEU counts it."""

from __future__ import annotations

from modelworks.contracts.metric import Metric, additive
from modelworks.metrics import _bleu

METRIC = Metric(
    name="bleu_lower",
    signature="bleu_lower|nrefs:var|case:lc|eff:no|tok:13a|smooth:exp|as:sacrebleu-2.6.0|v1",
    higher_is_better=True,
    statistics=_bleu.counter(lower=True),
    score=additive(_bleu.combine),
    ceiling=100.0,
)
