"""Metrics of label sets and of scales, equal to scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score, jaccard_score, mean_absolute_error

from modelworks.contracts import metric as metrics
from modelworks.kinds import Label, Labels, LabelScores, LabelSet

NAMES = ["anger", "fear", "joy", "love"]
STARS = ["1 star", "2 stars", "3 stars", "4 stars", "5 stars"]


def score(name, targets, predictions, labels):
    metric = metrics.find(name)
    found = [metric.statistics(t, p, labels) for t, p in zip(targets, predictions, strict=True)]
    return float(metric.score(found, np.ones((1, len(found))))[0])


@pytest.fixture
def sets():
    random = np.random.default_rng(3)
    right, chosen = (random.random((60, 4)) < [0.5, 0.1, 0.4, 0.6] for _ in range(2))
    right[:5] = chosen[:5] = False

    def names(row):
        return tuple(name for name, flag in zip(NAMES, row, strict=True) if flag)

    return right, chosen, [LabelSet(names(row)) for row in right], [LabelScores(names(row), ()) for row in chosen]


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_f1_of_sets_is_sklearns(sets, average):
    right, chosen, targets, predictions = sets
    expected = f1_score(right, chosen, average=average, zero_division=0)
    assert score(f"set_{average}_f1", targets, predictions, NAMES) == pytest.approx(expected)


def test_jaccard_is_sklearns_where_a_set_is_not_empty(sets):
    right, chosen, targets, predictions = sets
    some = np.flatnonzero(right.any(1) | chosen.any(1))
    ours = score("set_jaccard", [targets[i] for i in some], [predictions[i] for i in some], NAMES)
    assert ours == pytest.approx(jaccard_score(right[some], chosen[some], average="samples"))
    assert score("set_jaccard", targets[:5], predictions[:5], NAMES) == 1.0


def test_a_label_that_training_never_saw_still_counts():
    assert score("set_micro_f1", [LabelSet(("new",))], [LabelScores(("joy",), ())], NAMES) == 0.0


def test_scales_are_sklearns():
    random = np.random.default_rng(5)
    right = random.integers(0, 5, 80)
    given = np.clip(right + random.integers(-2, 2, 80), 0, 4)
    targets = [Label(STARS[i]) for i in right]
    predictions = [Labels(STARS[i], 1.0, ()) for i in given]
    assert score("mae", targets, predictions, STARS) == pytest.approx(mean_absolute_error(right, given))
    expected = cohen_kappa_score(right, given, weights="quadratic")
    assert score("quadratic_kappa", targets, predictions, STARS) == pytest.approx(expected)


@pytest.mark.parametrize("labels", [["negative", "neutral", "positive"], ["0", "1"]])
def test_labels_that_are_no_scale_get_no_score(labels):
    found = [Labels(labels[0], 1.0, ())]
    assert np.isnan(score("mae", [Label(labels[1])], found, labels))
    assert np.isnan(score("quadratic_kappa", [Label(labels[1])], found, labels))
