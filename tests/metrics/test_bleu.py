"""BLEU and chrF are those of sacreBLEU, to the last digit, per sentence set and under any weighting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelworks.contracts import metric as metrics
from modelworks.kinds import References, Written

sacrebleu = pytest.importorskip("sacrebleu")

FIELD = {
    "bleu": lambda: sacrebleu.BLEU(),
    "bleu_lower": lambda: sacrebleu.BLEU(lowercase=True),
    "chrf": lambda: sacrebleu.CHRF(),
}
WRITTEN = [
    "Ein Mann liest ein Buch .", "Zwei Hunde spielen im Schnee.", "Eine Frau, die 3,5 km läuft (schnell)!", "",
    "The state-of-the-art & <skipped> costs $1.50 &quot;only&quot;.", "Kinder laufen über ein Feld",
    "李明 und 3 Freunde 😀", "a a a a a a",
]  # fmt: skip
RIGHT = [
    ["Ein Mann liest ein Buch.", "Ein Mann, der liest"], ["Zwei Hunde spielen im Schnee."],
    ["Eine Frau läuft 3,5 km (sehr schnell)!"], ["nichts", "gar nichts"],
    ["The state-of-the-art costs $1.50 \"only\".", "State of the art: 1.50"], ["KINDER LAUFEN ÜBER EIN FELD"],
    ["李明 und drei Freunde 😀"], ["a b a c", "a a"],
]  # fmt: skip


def statistics(name, written, references):
    metric = metrics.find(name)
    return metric, [
        metric.statistics(References(tuple(right)), Written(text), ())
        for text, right in zip(written, references, strict=True)
    ]


def ours(name, written, references):
    metric, rows = statistics(name, written, references)
    return float(metric.score(rows, np.ones((1, len(rows))))[0])


def theirs(name, written, references):
    most = max(map(len, references))
    streams = [[right[k] if k < len(right) else None for right in references] for k in range(most)]
    return FIELD[name]().corpus_score(list(written), streams).score


@pytest.mark.parametrize("name", FIELD)
def test_a_corpus_with_several_references_scores_as_the_field_has_it(name):
    assert ours(name, WRITTEN, RIGHT) == pytest.approx(theirs(name, WRITTEN, RIGHT), abs=1e-9)


@pytest.mark.parametrize("name", FIELD)
def test_each_resample_is_the_score_of_that_corpus(name):
    metric, rows = statistics(name, WRITTEN, RIGHT)
    random = np.random.default_rng(0)
    for _ in range(20):
        chosen = random.integers(0, len(WRITTEN), len(WRITTEN))
        weights = np.bincount(chosen, minlength=len(WRITTEN)).astype(float)[None]
        expected = theirs(name, [WRITTEN[i] for i in chosen], [RIGHT[i] for i in chosen])
        assert metric.score(rows, weights)[0] == pytest.approx(expected, abs=1e-9)


TEXT = st.text("abcdABCD.,-&;1290 '\"(){}<>%$äß李\u00a0", max_size=40)
LINES = st.lists(st.tuples(TEXT, TEXT.filter(lambda text: bool(text.strip()))), min_size=1, max_size=5)


@pytest.mark.parametrize("name", FIELD)
@settings(max_examples=60, deadline=None)
@given(pairs=LINES)
@example(pairs=[("a b c d e", "a b c d e")])
@example(pairs=[("", "a")])
def test_any_text_scores_as_the_field_has_it(name, pairs):
    written, right = [w for w, _ in pairs], [[r] for _, r in pairs]
    expected = theirs(name, written, right)
    found = ours(name, written, right)
    assert found == pytest.approx(expected, abs=1e-9) or (np.isnan(found) and expected == 0)


@pytest.mark.parametrize("name", FIELD)
def test_the_signature_says_what_the_fields_own_says(name):
    field = FIELD[name]()
    field.corpus_score(["a"], [["a"]])
    theirs = {part for part in str(field.get_signature()).split("|") if not part.startswith(("nrefs", "version"))}
    assert theirs <= set(metrics.find(name).signature.split("|"))
