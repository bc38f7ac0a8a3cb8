"""Slices: given ones, and those that are found in planted data and only there."""

from __future__ import annotations

import numpy as np
import pytest

from modelworks.contracts import metric as metrics
from modelworks.core.errors import ConfigError
from modelworks.stages.evaluate.slices import Traits, found, given, holm

ACCURACY = metrics.find("accuracy")


def traits(n: int, seed: int = 0) -> tuple[Traits, np.random.Generator]:
    generator = np.random.default_rng(seed)
    kept = Traits()
    for i in range(n):
        meta = {"source": "abc"[i % 3], "price": str(i * 1.5), "device": "xy"[int(generator.random() < 0.5)]}
        kept.add(int(generator.integers(1, 200)), ["pos" if generator.random() < 0.5 else "neg"], meta)
    return kept, generator


def statistics(right: np.ndarray) -> np.ndarray:
    return np.stack([right.astype(float), np.ones(len(right))], axis=1)


def test_given_slices() -> None:
    kept, _ = traits(300)
    slices = given(kept, ("length", "label"), ("price", "device"))
    columns = [one.column for one in slices]
    assert set(columns) == {"length", "label", "source", "price", "device"}
    assert columns.count("length") == columns.count("price") == 4
    for column in set(columns):
        parts = [one.members for one in slices if one.column == column]
        assert (np.sum(parts, axis=0) == 1).all()


def test_examples_without_a_label_are_no_slice_by_label() -> None:
    kept = Traits()
    for i in range(60):
        kept.add(10, ["a"] if i % 2 else [], {"source": "s"} if i % 3 else {})
    slices = {(one.column, one.value) for one in given(kept, ("label", "source"), ())}
    assert slices == {("label", "a"), ("source", "s"), ("source", "(none)")}


def test_an_unknown_column_names_the_nearest() -> None:
    kept, _ = traits(30)
    with pytest.raises(ConfigError) as caught:
        given(kept, ("length",), ("devise",))
    assert "device" in str(caught.value)


def test_a_planted_pair_is_found() -> None:
    kept, generator = traits(1200)
    bad = np.array([m["source"] == "b" and m["device"] == "x" for m in kept.meta])
    right = generator.random(1200) < np.where(bad, 0.55, 0.9)
    best = found(given(kept, ("length", "label"), ("device",)), ACCURACY, statistics(right))[0]
    assert {*best.column.split(" × "), *best.value.split(" × ")} == {"source", "device", "b", "x"}
    assert best.p < 0.05


def test_a_planted_column_is_named_alone() -> None:
    kept, generator = traits(1200)
    bad = np.array([m["source"] == "b" for m in kept.meta])
    right = generator.random(1200) < np.where(bad, 0.6, 0.9)
    best = found(given(kept, ("length", "label"), ("device",)), ACCURACY, statistics(right))
    assert [(one.column, one.value) for one in best] == [("source", "b")]


@pytest.mark.slow
def test_nothing_is_found_where_nothing_is() -> None:
    alarms = 0
    for seed in range(25):
        kept, generator = traits(400, seed)
        alarms += bool(
            found(given(kept, ("length", "label"), ("device",)), ACCURACY, statistics(generator.random(400) < 0.8))
        )
    assert alarms <= 4


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
