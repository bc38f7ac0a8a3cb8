"""BLEU over the corpus, as sacreBLEU counts it."""

from __future__ import annotations

from modelworks.contracts.metric import Metric, additive
from modelworks.metrics import _bleu

METRIC = Metric(
    name="bleu",
    signature="bleu|nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp|as:sacrebleu-2.6.0|v1",
    higher_is_better=True,
    statistics=_bleu.counter(lower=False),
    score=additive(_bleu.combine),
    ceiling=100.0,
)
