"""Scores equal those of scikit-learn and seqeval, on random data and at the edges."""

from __future__ import annotations

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval import metrics as seqeval
from seqeval.scheme import IOB2
from sklearn import metrics as sklearn

from modelworks.contracts import metric as metrics
from modelworks.kinds import Entities, Entity, Label, Labels, Scored, Span, Spans, Text

LABELS = ["a", "b", "c", "d", "e", "f", "g"]


def score(name, targets, predictions, inputs=None, labels=LABELS, weights=None):
    metric = metrics.find(name)
    inputs = inputs or [Text("")] * len(targets)
    rows = [metric.statistics(t, p, labels, i) for t, p, i in zip(targets, predictions, inputs, strict=True)]
    found = metric.score(rows, np.ones((1, len(rows))) if weights is None else weights)
    return found[0] if weights is None else found


def labels_of(probabilities):
    order = np.argsort(-probabilities, kind="stable")
    ranked = tuple(Scored(LABELS[n], float(probabilities[n])) for n in order)
    return Labels(ranked[0].label, ranked[0].score, ranked)


def random_labels(seed, count, classes=7, unseen=False):
    generator = np.random.default_rng(seed)
    names = [*LABELS[:classes], *(["new", "newer"] if unseen else [])]
    targets = [names[n] for n in generator.integers(0, len(names), count)]
    probabilities = generator.dirichlet(np.ones(len(LABELS)) * 0.4, count)
    predictions = [labels_of(row) for row in probabilities]
    return targets, probabilities, predictions


CASES = st.tuples(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 7), st.booleans())


@settings(max_examples=150, deadline=None)
@given(CASES)
def test_scores_of_labels_equal_scikit_learn(case):
    targets, _, predictions = random_labels(*case)
    best = [prediction.label for prediction in predictions]
    kinds = [Label(name) for name in targets]
    assert score("accuracy", kinds, predictions) == pytest.approx(sklearn.accuracy_score(targets, best))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        macro = sklearn.f1_score(targets, best, average="macro", zero_division=0)
        mcc = sklearn.matthews_corrcoef(targets, best)
    assert score("macro_f1", kinds, predictions) == pytest.approx(macro)
    assert score("mcc", kinds, predictions) == pytest.approx(mcc, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_top5_and_brier_equal_scikit_learn(seed, count):
    targets, probabilities, predictions = random_labels(seed, count)
    kinds = [Label(name) for name in targets]
    top5 = sklearn.top_k_accuracy_score(targets, probabilities, k=5, labels=LABELS)
    assert score("top5_accuracy", kinds, predictions) == pytest.approx(top5)
    brier = np.mean(
        [((row - (np.array(LABELS) == name)) ** 2).sum() for row, name in zip(probabilities, targets, strict=True)]
    )
    assert score("brier", kinds, predictions) == pytest.approx(brier)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_brier_of_two_classes_is_twice_scikit_learns(seed, count):
    generator = np.random.default_rng(seed)
    chances, truths = generator.random(count), generator.integers(0, 2, count)
    predictions = [labels_of(np.array([1 - c, c, 0, 0, 0, 0, 0])) for c in chances]
    ours = score("brier", [Label(LABELS[n]) for n in truths], predictions)
    assert ours == pytest.approx(2 * sklearn.brier_score_loss(truths, chances, labels=[0, 1]))


@settings(max_examples=100, deadline=None)
@given(CASES)
def test_ece_is_the_definition(case):
    targets, probabilities, predictions = random_labels(*case)
    sure = probabilities.max(axis=1)
    right = np.array([p.label == t for p, t in zip(predictions, targets, strict=True)])
    expected, edges = 0.0, np.linspace(0, 1, 16)
    for low, high in pairwise(edges):
        inside = (sure > low) & (sure <= high)
        if inside.any():
            expected += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
    assert score("ece", [Label(name) for name in targets], predictions) == pytest.approx(expected, abs=1e-9)


def test_ece_at_the_edges_of_bins():
    sure, none = Labels("a", 1.0, (Scored("a", 1.0),)), Labels("a", 0.0, (Scored("a", 0.0),))
    assert score("ece", [Label("a")], [sure]) == 0.0
    assert score("ece", [Label("b")], [sure]) == 1.0
    assert score("ece", [Label("b")], [none]) == 0.0


def test_a_bin_of_ece_holds_its_upper_edge():
    confident = Labels("a", 0.2, (Scored("a", 0.2),)), Labels("a", 0.15, (Scored("a", 0.15),))
    assert score("ece", [Label("a"), Label("b")], confident) == pytest.approx(abs(0.2 - 1 + 0.15) / 2)


def test_an_unseen_label_is_wrong_and_not_mixed_up_with_another():
    predictions = [labels_of(np.eye(7)[n]) for n in (0, 1, 0, 1)]
    targets = [Label("new"), Label("newer"), Label("a"), Label("b")]
    assert score("accuracy", targets, predictions) == 0.5
    assert score("macro_f1", targets, predictions) == pytest.approx((2 / 3 + 2 / 3 + 0 + 0) / 4)
    assert score("top5_accuracy", targets[:1], predictions[:1]) == 0.0
    assert score("brier", targets[:1], predictions[:1]) == 2.0


# entities

TAGS = ["O", "B-x", "I-x", "B-y", "I-y"]


def valid(tags):
    """The tags with stray `I-` made `B-`, as a decoder leaves them."""
    fixed = []
    for tag in tags:
        stray = tag[0] == "I" and (not fixed or fixed[-1] not in (f"B{tag[1:]}", tag))
        fixed.append(f"B{tag[1:]}" if stray else tag)
    return fixed


def spans_of(tags):
    """(start, end, label) over a text of one-letter words with blanks between."""
    found = []
    for n, tag in enumerate(tags):
        if tag[0] == "B":
            found.append([2 * n, 2 * n + 1, tag[2:]])
        elif tag[0] == "I":
            found[-1][1] = 2 * n + 1
    return [tuple(entry) for entry in found]


def text_of(tags, letters="pqr"):
    return Text(" ".join(letters[n % len(letters)] for n in range(len(tags))))


def pair(right, given):
    text = text_of(right)
    target = Spans(tuple(Span(*entry) for entry in spans_of(right)))
    entities = tuple(Entity(label, 1.0, text.text[a:b], a, b) for a, b, label in spans_of(given))
    return target, Entities(entities), text


SEQUENCE = st.integers(1, 8).flatmap(
    lambda n: st.tuples(*[st.lists(st.sampled_from(TAGS), min_size=n, max_size=n).map(valid)] * 2)
)


@settings(max_examples=200, deadline=None)
@given(st.lists(SEQUENCE, min_size=1, max_size=6))
def test_entity_scores_equal_seqeval_strict_iob2(sequences):
    right, given_tags = [a for a, _ in sequences], [b for _, b in sequences]
    targets, predictions, inputs = zip(*(pair(a, b) for a, b in sequences), strict=True)
    how = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
    expected = {
        "entity_f1": seqeval.f1_score, "entity_precision": seqeval.precision_score,
        "entity_recall": seqeval.recall_score,
    }  # fmt: skip
    for name, reference in expected.items():
        assert score(name, targets, predictions, inputs, ["x", "y"]) == pytest.approx(
            reference(right, given_tags, **how)
        )


@settings(max_examples=200, deadline=None)
@given(st.lists(SEQUENCE, min_size=1, max_size=6))
def test_surface_f1_is_f1_over_unique_pairs(sequences):
    targets, predictions, inputs = zip(*(pair(a, b) for a, b in sequences), strict=True)
    right = {(i.text[s.start : s.end], s.label) for t, i in zip(targets, inputs, strict=True) for s in t.spans}
    given_pairs = {(e.word, e.entity_group) for p in predictions for e in p.entities}
    both = len(right | given_pairs) and 2 * len(right & given_pairs) / (len(right) + len(given_pairs))
    assert score("surface_f1", targets, predictions, inputs, ["x", "y"]) == pytest.approx(both)


ENTITY_SCORES = ["entity_f1", "entity_precision", "entity_recall", "surface_f1"]


@pytest.mark.parametrize("name", ENTITY_SCORES)
@pytest.mark.parametrize(
    ("right", "given_tags", "expected"),
    [
        (["O", "O"], ["O", "O"], 0.0),  # seqeval's answer to no entities at all
        (["B-x", "O"], ["O", "O"], 0.0),
        (["O", "O"], ["B-x", "O"], 0.0),
        (["B-x", "I-x"], ["B-x", "I-x"], 1.0),
        (["B-x", "I-x"], ["B-x", "O"], 0.0),  # half a match is none
        (["B-x", "I-x"], ["B-y", "I-y"], 0.0),
    ],
)
def test_edges_of_entity_scores(name, right, given_tags, expected):
    target, prediction, text = pair(right, given_tags)
    assert score(name, [target], [prediction], [text]) == expected


def test_an_entity_mentioned_often_counts_once_in_surface_f1():
    often, once = pair(["B-x"], ["B-x"]), pair(["B-y"], ["O"])
    targets, predictions, inputs = zip(*[often] * 9, once, strict=True)
    assert score("entity_recall", targets, predictions, inputs) == 0.9
    assert score("surface_f1", targets, predictions, inputs) == pytest.approx(2 * 1 / (1 + 2))


def test_surface_f1_says_that_it_needs_the_text():
    target, prediction, _ = pair(["B-x"], ["B-x"])
    with pytest.raises(TypeError, match="input text"):
        metrics.find("surface_f1").statistics(target, prediction, [])


@pytest.mark.parametrize("name", ["accuracy", "entity_f1"])
def test_values_of_another_kind_are_refused(name):
    with pytest.raises(TypeError, match="needed as"):
        metrics.find(name).statistics(Text("x"), Text("y"), LABELS)
