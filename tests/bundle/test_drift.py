"""Drift against a profile: what is spread alike stays under the noise, what moved does not, in every feature."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modelworks.bundle import drift
from modelworks.bundle.profile import Profile


def profile(sizes, labels, scores=(0.5, 0.9), items=(1,)) -> Profile:
    def quantiles(values):
        return tuple(round(float(v), 6) for v in np.quantile(np.asarray(values, float), np.linspace(0, 1, 101)))

    return Profile(
        examples=len(sizes), size=quantiles(sizes), labels=labels, score=quantiles(scores) if len(scores) else (),
        items=quantiles(items),
    )  # fmt: skip


def counted(reference, values):
    counts = [0.0] * len(reference.expected)
    for value in values:
        counts[reference.cell(value)] += 1
    return counts


def test_the_index_is_that_of_its_definition():
    expected, seen = [30.0, 70.0], [60.0, 40.0]
    p, q = (60.5 / 101, 40.5 / 101), (30.5 / 101, 70.5 / 101)
    by_hand = (p[0] - q[0]) * math.log(p[0] / q[0]) + (p[1] - q[1]) * math.log(p[1] / q[1])
    assert drift.psi(expected, seen) == pytest.approx(by_hand)
    assert drift.psi(expected, expected) == 0
    assert drift.psi([1.0, 0.0], [0.0, 1000.0]) < math.inf


def test_chance_alone_stays_below_the_noise():
    generator = np.random.default_rng(3)
    above = 0
    for _ in range(100):
        reference = drift.references(profile(generator.lognormal(4, 0.7, 800), {"a": 1}))["size"]
        seen = counted(reference, generator.lognormal(4, 0.7, 400))
        above += drift.psi(reference.expected, seen) > drift.noise(reference.expected, seen)
    assert above <= 2


def test_noise_is_the_quantile_of_chi_square():
    stats = pytest.importorskip("scipy.stats")
    found = drift.noise([100.0] * 12, [50.0] * 12)
    assert found == pytest.approx(stats.chi2.ppf(0.999, 11) * (1 / 600 + 1 / 1200), rel=0.01)
    assert drift.noise([5.0], [5.0]) == 0


@pytest.mark.parametrize("shift", [1.5, -1.5])
def test_a_shifted_size_is_far_above_both_limits(shift):
    generator = np.random.default_rng(4)
    reference = drift.references(profile(generator.lognormal(4, 0.7, 800), {"a": 1}))["size"]
    seen = counted(reference, generator.lognormal(4 + shift, 0.7, 400))
    assert drift.psi(reference.expected, seen) > max(0.25, drift.noise(reference.expected, seen))


@pytest.mark.parametrize(("value", "same"), [(1, True), (0, False), (2, False)])
def test_a_feature_that_never_varied_notices_every_other_value(value, same):
    reference = drift.references(profile([5] * 50, {"a": 50}))["items"]
    assert sum(reference.expected) == pytest.approx(50)
    index = drift.psi(reference.expected, counted(reference, [value] * 300))
    assert (index < 0.05) is same


def test_whole_numbers_with_many_alike_lie_where_the_profile_has_them():
    sizes = [0] * 400 + [1] * 300 + [2] * 200 + [3] * 100
    reference = drift.references(profile(sizes, {"a": 1}))["size"]
    assert drift.psi(reference.expected, counted(reference, sizes)) < 0.01
    assert drift.psi(reference.expected, counted(reference, [0] * 800 + [1] * 100 + [2] * 100)) > 0.25


def test_labels_beyond_the_commonest_and_unknown_ones_share_a_cell():
    labels = {f"l{number:02}": 100 - number for number in range(30)}
    reference = drift.references(profile([1, 2], labels))["labels"]
    assert len(reference.names) == drift.NAMED + 1
    assert reference.cell("l00") == 0
    assert reference.cell("l29") == reference.cell("never seen") == drift.NAMED
    assert sum(reference.expected) == sum(labels.values())


def test_a_profile_without_labels_or_scores_has_the_features_that_are_left():
    assert set(drift.references(profile([1, 2, 3], {}, scores=()))) == {"size"}
    nothing = Profile(examples=0, size=(), labels={}, score=(), items=())
    assert drift.references(nothing) == {}
