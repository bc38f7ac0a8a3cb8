"""Answers scored as SQuAD's script of version 2 scores them (its functions, as published, are below)."""

from __future__ import annotations

import collections
import re
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworks.contracts import metric as metrics
from modelworks.kinds import Accepted, Answers, Reference


def normalize_answer(s):
    def remove_articles(text):
        return re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", text)

    def remove_punc(text):
        exclude = set(string.punctuation)
        return "".join(ch for ch in text if ch not in exclude)

    return " ".join(remove_articles(remove_punc(s.lower())).split())


def get_tokens(s):
    return normalize_answer(s).split() if s else []


def compute_exact(a_gold, a_pred):
    return int(normalize_answer(a_gold) == normalize_answer(a_pred))


def compute_f1(a_gold, a_pred):
    gold_toks, pred_toks = get_tokens(a_gold), get_tokens(a_pred)
    common = collections.Counter(gold_toks) & collections.Counter(pred_toks)
    num_same = sum(common.values())
    if len(gold_toks) == 0 or len(pred_toks) == 0:
        return int(gold_toks == pred_toks)
    if num_same == 0:
        return 0
    precision, recall = 1.0 * num_same / len(pred_toks), 1.0 * num_same / len(gold_toks)
    return (2 * precision * recall) / (precision + recall)


def get_raw_scores(golds, pred):
    gold_answers = [text for text in golds if normalize_answer(text)]
    if not gold_answers:
        gold_answers = [""]  # for unanswerable questions, the only right answer is the empty string
    return max(compute_exact(a, pred) for a in gold_answers), max(compute_f1(a, pred) for a in gold_answers)


WORDS = st.lists(
    st.sampled_from(["the", "The", "a", "cat", "Cat's", "cats", "an", "U.S.", "1,000", "–", "été", "中", ".", "on"]),
    max_size=5,
).map(" ".join)


def scores(golds: list[str], answer: str) -> tuple[float, float]:
    target = Accepted(tuple(Reference(text, 0) for text in golds))
    prediction = Answers(answer, 1.0, 0, 0, ())
    found = []
    for name in ("exact_match", "answer_f1"):
        metric = metrics.find(name)
        found.append(float(metric.score([metric.statistics(target, prediction, ())], np.ones((1, 1)))[0]))
    return found[0], found[1]


@given(st.lists(WORDS, max_size=3), WORDS)
def test_as_the_script_of_squad(golds: list[str], answer: str) -> None:
    assert scores(golds, answer) == pytest.approx(get_raw_scores(golds, answer))


def test_an_unanswerable_question_wants_nothing() -> None:
    assert scores([], "") == (1, 1)
    assert scores([], "London") == (0, 0)
    assert scores(["London"], "") == (0, 0)
    assert scores(["London", "in London"], "In London!") == (1, 1)
