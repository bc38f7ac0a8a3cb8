"""Intervals hold what they promise, in simulation; paired tests find what is there and no more."""

from __future__ import annotations

import numpy as np
import pytest

from modelworks.contracts import metric as metrics
from modelworks.contracts.metric import Metric, additive
from modelworks.stages.evaluate import intervals
from modelworks.stages.evaluate.intervals import difference, draw, interval, point, weights
from modelworks.stages.evaluate.paired import compare, shared, worse_slices
from modelworks.stages.evaluate.statistics import Table, load, save

ACCURACY = metrics.find("accuracy")


def rights(right: np.ndarray) -> np.ndarray:
    return np.stack([right.astype(float), np.ones(len(right))], axis=1)


def test_weights_are_counts_and_do_not_depend_on_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(weights(50, 20, seed=3)))
    assert whole.shape == (20, 50)
    assert (whole.sum(axis=1) == 50).all()
    monkeypatch.setattr(intervals, "_CHUNK", 150)
    chunks = list(weights(50, 20, seed=3))
    assert len(chunks) > 3
    assert (np.concatenate(chunks) == whole).all()


@pytest.mark.parametrize(("rate", "n"), [(0.8, 150), (0.95, 200)])
def test_the_interval_of_a_share_covers(rate: float, n: int) -> None:
    generator = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        found = interval(ACCURACY, rights(generator.random(n) < rate), 0.95, 200)
        inside += found.low <= rate <= found.high
    assert 0.90 <= inside / 200 <= 0.99


@pytest.mark.slow
def test_the_interval_of_f1_covers() -> None:
    """Entities are clustered in examples, so that a formula for independent decisions would be too narrow."""
    metric, generator = metrics.find("entity_f1"), np.random.default_rng(1)

    def statistics(n: int) -> np.ndarray:
        hard = generator.random(n) < 0.3
        gold = generator.poisson(2.0, n)
        hits = generator.binomial(gold, np.where(hard, 0.2, 0.8))
        given = hits + generator.binomial(gold, 0.2)
        return np.stack([hits, gold, given, np.ones(n)], axis=1).astype(float)

    truth = point(metric, statistics(200_000))
    inside = 0
    for _ in range(200):
        found = interval(metric, statistics(150), 0.95, 300)
        inside += found.low <= truth <= found.high
    assert 0.90 <= inside / 200 <= 0.99


def test_a_perfect_score_is_not_certain() -> None:
    found = interval(ACCURACY, rights(np.ones(50, bool)), 0.95, 200)
    assert found.value == 1.0
    assert found.high == 1.0
    assert 0.90 < found.low < 0.95  # rule of three at the two-sided level: 1 - 0.025 ** (1 / 50) = 0.071
    none = interval(ACCURACY, rights(np.zeros(50, bool)), 0.95, 200)
    assert (none.value, none.low) == (0.0, 0.0)
    assert 0.05 < none.high < 0.10


def test_one_example_and_none_have_no_interval() -> None:
    assert np.isnan(interval(ACCURACY, rights(np.ones(1, bool)), 0.95, 100).low)
    assert np.isnan(interval(ACCURACY, [], 0.95, 100).value)


def test_ragged_statistics_are_kept(tmp_path) -> None:
    columns = {
        "a": [np.array([1.0, 2.0]), np.zeros(0), np.array([3.0])],
        "b": [np.ones((0, 2)), np.ones((3, 2)), np.ones((1, 2))],
    }
    members = np.array([[True, False, True]] * 9)
    save(Table(("x", "ü", "z"), columns, members), tmp_path)
    again = load(tmp_path)
    assert again.ids == ("x", "ü", "z")
    for name, column in columns.items():
        for one, other in zip(column, again.metrics[name], strict=True):
            assert one.shape == other.shape or one.size == 0
            assert (one == other).all()
    assert (again.members == members).all()


def test_a_planted_difference_is_found_and_turned_the_right_way() -> None:
    generator = np.random.default_rng(2)
    theirs = generator.random(800) < 0.8
    mine = theirs | (generator.random(800) < 0.3)
    found = difference(ACCURACY, rights(mine), rights(theirs), 0.95, 500)
    assert found.low > 0
    loss = Metric(
        name="loss", signature="loss|v1", higher_is_better=False, statistics=ACCURACY.statistics,
        score=additive(lambda sums: sums[:, 0] / sums[:, 1]),
    )  # fmt: skip
    assert difference(loss, rights(mine), rights(theirs), 0.95, 500).high < 0


def test_paired_is_sharper_than_unpaired() -> None:
    generator = np.random.default_rng(3)
    theirs = generator.random(500) < 0.8
    mine = np.where(generator.random(500) < 0.04, ~theirs, theirs)
    paired = difference(ACCURACY, rights(mine), rights(theirs), 0.95, 500).error
    alone = np.hypot(draw(ACCURACY, rights(mine), 500, 1).std(), draw(ACCURACY, rights(theirs), 500, 2).std())
    assert paired < 0.5 * alone


@pytest.mark.slow
def test_no_worse_holds_its_error_at_the_margin() -> None:
    """A candidate that is worse by exactly the margin passes in about one run of twenty, and an equal one mostly."""
    generator = np.random.default_rng(4)
    runs, n, margin = 150, 1500, 0.02

    def passes(loss: float) -> float:
        count = 0
        for _ in range(runs):
            theirs = generator.random(n) < 0.85
            turned = generator.random(n)
            mine = np.where(theirs, turned > (0.03 + loss) / 0.85, turned < 0.03 / 0.15)
            count += compare(ACCURACY, rights(mine), rights(theirs), margin, 0.95, 200).no_worse
        return count / runs

    assert passes(margin) <= 0.10
    assert passes(0.0) >= 0.80


def test_equal_models_pass_and_are_not_better() -> None:
    right = rights(np.random.default_rng(5).random(100) < 0.7)
    found = compare(ACCURACY, right, right, 0.0, 0.95, 200)
    assert found.no_worse
    assert not found.better
    assert found.identical


@pytest.mark.slow
def test_slices_of_equal_models_are_rarely_called_worse() -> None:
    generator = np.random.default_rng(6)
    alarms = 0
    for _ in range(60):
        tests = []
        for _ in range(8):
            theirs, mine = generator.random(80) < 0.8, generator.random(80) < 0.8
            tests.append(compare(ACCURACY, rights(mine), rights(theirs), 0.0, 0.95, 300))
        alarms += any(worse_slices(tests, 0.95))
    assert alarms / 60 <= 0.15


def test_a_slice_that_broke_is_called_worse() -> None:
    generator = np.random.default_rng(7)
    theirs = generator.random(100) < 0.9
    broken = compare(ACCURACY, rights(generator.random(100) < 0.5), rights(theirs), 0.02, 0.95, 500)
    fine = compare(ACCURACY, rights(theirs), rights(theirs), 0.02, 0.95, 500)
    assert worse_slices([fine, broken, fine], 0.95) == [False, True, False]


def test_shared_examples_are_matched_by_id() -> None:
    mine, theirs = shared(Table(("a", "b", "c"), {}), Table(("c", "x", "a"), {}))
    assert mine.tolist() == [0, 2]
    assert theirs.tolist() == [2, 0]
