"""Splits: stable when data is added, whole groups, newest last, near their shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.core.errors import DataError
from modelworks.kinds import Example, Label, Text
from modelworks.stages.prepare.facts import Fact, fact
from modelworks.stages.prepare.split import assign

CUT = {"dev": 0.1, "test": 0.2, "seed": 0}


def facts(texts: list[str], labels: str = "ab", **more: Callable[[int], str]) -> list[Fact]:
    return [
        fact(
            Example(
                str(n),
                Text(text),
                Label(labels[n % len(labels)]),
                {key: value(n) for key, value in more.items() if key != "split"},
                more["split"](n) if "split" in more else "",
                f"f:{n}",
            )
        )
        for n, text in enumerate(texts)
    ]


def numbered(count: int) -> list[str]:
    return [f"text {n}" for n in range(count)]


@settings(max_examples=30, deadline=None)
@given(st.integers(30, 120), st.integers(1, 200), st.sampled_from(["stratified", "random"]), st.integers(0, 3))
def test_added_examples_move_no_other(old: int, more: int, mode: str, seed: int) -> None:
    data = {**CUT, "split": mode, "seed": seed}
    some = facts(numbered(old))
    before, _ = assign(some, data)
    after, _ = assign(facts(numbered(old + more)), data)
    held = Counter((one.labels[0], split) for one, split in zip(some, before, strict=True))
    moved = [(b, a) for b, a in zip(before, after[:old], strict=True) if a != b]
    if min(held[label, split] for label in "ab" for split in ("train", "dev", "test")) > 1:
        assert moved == []
    else:  # a label that was missing from a split had been lent one example
        assert len(moved) <= 4


def test_order_and_removal_move_nothing() -> None:
    some = facts(numbered(300))
    splits = dict(zip([one.key for one in some], assign(some, CUT)[0], strict=True))
    fewer = list(reversed(some))[::2]
    assert assign(fewer, CUT)[0] == [splits[one.key] for one in fewer]


def test_shares_are_near_for_every_label() -> None:
    """Within four standard deviations of a binomial."""
    some = facts(numbered(6000), "abc")
    splits, how = assign(some, CUT)
    assert how == "stratified (test 0.2, dev 0.1)"
    for label in "abc":
        counts = Counter(split for one, split in zip(some, splits, strict=True) if one.labels == (label,))
        for split, share in (("test", 0.2), ("dev", 0.1)):
            assert abs(counts[split] / 2000 - share) < 4 * (share * (1 - share) / 2000) ** 0.5


def test_identical_inputs_share_a_split() -> None:
    some = facts(["same  text" if n % 3 == 0 else f" same text{n}" if n % 3 == 1 else "same text" for n in range(60)])
    splits, _ = assign(some, CUT)
    assert len({split for one, split in zip(some, splits, strict=True) if one.key == some[0].key}) == 1


def test_the_seed_matters() -> None:
    some = facts(numbered(200))
    assert assign(some, CUT)[0] != assign(some, {**CUT, "seed": 1})[0]


def test_groups_stay_whole_and_stable() -> None:
    data = {**CUT, "split": "group"}
    some = facts(numbered(400), group=lambda n: f"g{n % 40}")
    splits, _ = assign(some, data)
    where: dict[str, set[str]] = {}
    for one, split in zip(some, splits, strict=True):
        where.setdefault(one.group, set()).add(split)
    assert all(len(found) == 1 for found in where.values())
    assert set(splits) == {"train", "dev", "test"}
    more = facts(numbered(800), group=lambda n: f"g{n % 40}" if n < 400 else f"h{n % 50}")
    assert assign(more, data)[0][:400] == splits


@pytest.mark.parametrize("write", [str, lambda n: f"2024-{1 + n // 28:02d}-{1 + n % 28:02d}"])
def test_the_newest_are_the_test_split(write: Callable[[int], str]) -> None:
    some = facts(numbered(100), time=write)
    splits, _ = assign(some, {**CUT, "split": "time"})
    assert splits == ["train"] * 70 + ["dev"] * 10 + ["test"] * 20


def test_examples_of_one_time_lie_together() -> None:
    some = facts(numbered(90), time=lambda n: str(n // 30))
    assert assign(some, {**CUT, "split": "time"})[0] == ["train"] * 30 + ["dev"] * 30 + ["test"] * 30


@pytest.mark.parametrize("mode", ["group", "time"])
def test_a_missing_group_or_time_is_told(mode: str) -> None:
    with pytest.raises(DataError, match=f"no {mode}") as caught:
        assign(facts(numbered(9)), {**CUT, "split": mode})
    assert caught.value.where == "f:0"
    assert mode in caught.value.hint


def test_what_is_no_time_is_told() -> None:
    with pytest.raises(DataError, match="not a time") as caught:
        assign(facts(numbered(9), time=lambda n: "yesterday"), {**CUT, "split": "time"})
    assert caught.value.seen == "yesterday"


def test_shares_that_leave_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="nothing to train on"):
        assign(facts(numbered(9)), {"dev": 0.5, "test": 0.5})


@settings(max_examples=60, deadline=None)
@given(st.integers(6, 40), st.integers(0, 50))
def test_tiny_data_fills_every_split_and_trains_on_every_label(count: int, seed: int) -> None:
    some = facts(numbered(count))
    splits, _ = assign(some, {**CUT, "seed": seed})
    assert set(splits) == {"train", "dev", "test"}
    assert {one.labels for one, split in zip(some, splits, strict=True) if split == "train"} == {("a",), ("b",)}


def test_every_label_is_in_every_split_where_it_can_be_expected() -> None:
    some = facts(numbered(480), "abcdefghijklmno")
    for seed in range(20):
        splits, _ = assign(some, {**CUT, "seed": seed})
        held = {(one.labels[0], split) for one, split in zip(some, splits, strict=True)}
        assert len(held) == 15 * 3


def test_given_splits_hold() -> None:
    names = ("train", "dev", "test")
    some = facts(numbered(30), split=lambda n: names[n % 3])
    splits, how = assign(some, CUT)
    assert splits == [names[n % 3] for n in range(30)]
    assert how == "given"


def test_lone_names_of_held_splits_are_data() -> None:
    splits, _ = assign(facts(numbered(100), split=lambda n: "test"), CUT)
    assert set(splits) == {"train", "dev", "test"}
