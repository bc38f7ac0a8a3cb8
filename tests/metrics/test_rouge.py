"""ROUGE is what the field's own package counts."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.contracts import metric as metrics
from modelworks.kinds import Article, Chosen, References, Written
from modelworks.metrics import _porter, _rouge

NAMES = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL", "rouge_lsum": "rougeLsum"}
WORDS = st.sampled_from(
    ["the", "networks", "network", "training", "trained", "adaptively", "loss", "of", "3.5", "naïve", "a", "we",
     "we're", "\n", "学习", "generalization", "Relational", "flies", "dying", "-"]
)  # fmt: skip
SOME = st.lists(WORDS, max_size=14).map(" ".join)
REAL = (
    ("We propose a new loss scaling method for training networks.\nIt is adaptive.", "Adaptive loss trains nets."),
    ("A formulation to learn the distribution over unobservable permutation variables.", "We learn permutations."),
    ("Flying planes; dying flies! The relational rationalizations were controlling.", "the flies relate, rationally"),
)  # fmt: skip


def value(name: str, references: list[str], summary: str) -> float:
    metric = metrics.find(name)
    statistics = metric.statistics(References(tuple(references)), Written(summary), (), None)
    return float(metric.score([statistics], np.ones((1, 1)))[0])


def check(reference: str, summary: str) -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(list(NAMES.values()), use_stemmer=True)
    found = scorer.score(reference, summary)
    for name, theirs in NAMES.items():
        assert value(name, [reference], summary) == pytest.approx(found[theirs].fmeasure, abs=1e-9), name


@pytest.mark.parametrize("pair", REAL)
def test_real_sentences(pair):
    check(*pair)


@settings(max_examples=150, deadline=None)
@given(SOME, SOME)
def test_any_words(reference, summary):
    check(reference, summary)


def test_the_best_reference_counts_for_each_score_by_itself():
    references = ["the loss of training", "networks"]
    for name, theirs in NAMES.items():
        assert value(name, references, "networks") == pytest.approx(1.0 if theirs != "rouge2" else 0.0)
    assert value("rouge_2", references, "the loss") > 0


def test_the_stemmer_is_that_of_nltk():
    theirs = pytest.importorskip("nltk.stem.porter").PorterStemmer()
    endings = ("", "s", "es", "ies", "ied", "ed", "eed", "ing", "y", "ly", "alli", "fulli", "logi", "ational", "izer",
               "ization", "iveness", "fulness", "ousness", "aliti", "biliti", "icate", "ative", "alize", "ical", "ness",
               "ance", "ement", "ment", "ent", "ion", "sion", "tion", "ou", "ism", "e", "ll", "lled", "zzing", "ible",
               "ator", "bli", "sses", "enci", "entli", "ousli", "ate", "ous", "ive")  # fmt: skip
    stems = re.findall(r"\w+", """a be cat happ sk fl tr control hop tann fil siz conflat troubl motor agre fe sens
        geo theo archaeo vietnam oper predic feud decis callous form electr hope good reviv allow infer airlin gyroscop
        adjust defens irrit replac depend adopt homolog commun activ angular effect bowdler probat rat ceas roll yy say
        enjoy d t li ti new inn out cann how proc exc succ b2b 3d x""")  # fmt: skip
    for word in {first + ending for first in stems for ending in endings}:
        assert _porter.stem(word) == theirs.stem(word), word


def test_chosen_sentences_are_the_lines_of_rouge_lsum():
    article = Article("We train nets. They learn. It is loss scaling.")
    target = References(("They learn nets.\nWe train.",))
    chosen = Written("We train nets. They learn.", sentences=(Chosen(0, 14, 0.5), Chosen(15, 26, 0.4)))
    metric = metrics.find("rouge_lsum")
    by_lines = metric.statistics(target, chosen, (), article)[0]
    assert by_lines == pytest.approx(_rouge.longest_by_lines(target.references[0], "We train nets.\nThey learn."))
    assert by_lines != pytest.approx(metric.statistics(target, Written(chosen.text), (), article)[0])


def test_other_kinds_are_refused():
    with pytest.raises(TypeError, match="references"):
        metrics.find("rouge_1").statistics(Written("a"), Written("a"), ())
