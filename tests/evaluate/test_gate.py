"""The gate: conditions, words, and what a verdict means for the caller."""

from __future__ import annotations

import numpy as np
import pytest

from modelworks.contracts import metric as metrics
from modelworks.contracts import task as tasks
from modelworks.core.config import Evaluate
from modelworks.core.errors import ConfigError
from modelworks.stages.evaluate import conditions
from modelworks.stages.evaluate.checks import Side
from modelworks.stages.evaluate.gate import check, decide, markdown
from modelworks.stages.evaluate.statistics import Table

ACCURACY = metrics.find("accuracy")
SETTINGS = Evaluate(resamples=400)
N = 900


def side(right: np.ndarray, name: str = "candidate", ids: str = "e", signature: str = ACCURACY.signature) -> Side:
    value = float(right.mean())
    score = {
        "value": value,
        "low": value - 0.02,
        "high": value + 0.02,
        "signature": signature,
        "higher_is_better": True,
    }
    half = np.arange(N) < N // 2
    report = {
        "bundle": name, "primary": "accuracy", "scores": {"accuracy": score},
        "calibration": {"bins": [], "ece": {"value": 0.04, "low": 0.03, "high": 0.05}},
        "robustness": [{"perturbation": "typos", "drop": {"value": 0.08, "low": 0.05, "high": 0.1}}],
        "slices": [
            {"column": "length", "value": v, "examples": N // 2, "given": True, "scores": {"accuracy": score}}
            for v in ("1–10", "11–90")
        ],
    }  # fmt: skip
    rows = list(np.stack([right.astype(float), np.ones(N)], axis=1))
    return Side(report, Table(tuple(f"{ids}{i}" for i in range(N)), {"accuracy": rows}, np.stack([half, ~half])))


def rights(rate: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(N) < rate


def gate(rules, candidate, champion=None, measured=()):
    return decide(rules, candidate, champion, list(measured), SETTINGS)


def test_thresholds() -> None:
    mine = side(rights(0.8))
    value = mine.report["scores"]["accuracy"]["value"]
    assert gate({"accuracy": ">= 0.70"}, mine).passed
    assert gate({"accuracy": ">= 70%"}, mine).passed
    assert not gate({"accuracy": f"> {value + 0.001:.4f}"}, mine).passed
    close = f">= {value - 0.01:.4f}"
    assert gate({"accuracy": close}, mine).passed
    assert not gate({"accuracy": {"at": close, "on": "low"}}, mine).passed
    assert "reaches to the other side" in gate({"accuracy": close}, mine).words
    assert gate({"ece": "<= 0.05", "robustness.typos": "<= 0.1"}, mine).passed
    assert not gate({"ece": {"at": "< 0.05", "on": "high"}}, mine).passed


def test_costs_of_the_chosen_variant() -> None:
    rows = [
        {"variant": "a", "chosen": False, "size": 9e6, "p95_ms": 90},
        {"variant": "b", "chosen": True, "size": 8e6, "p95_ms": 12.0},
    ]
    assert gate({"size_mb": "<= 8", "p95_ms": "< 20"}, side(rights(0.8)), None, rows).passed
    assert not gate({"p95_ms": "< 10"}, side(rights(0.8)), None, rows).passed


@pytest.mark.parametrize(
    ("rules", "seen", "hint"),
    [
        ({"acuracy": ">= 0.4"}, "acuracy", "accuracy"),
        ({"chmpion": "no worse"}, "chmpion", "champion"),
        ({"accuracy": "0.4"}, "0.4", "comparison"),
        ({"accuracy": {"at": ">= 0.4", "on": "lo"}}, "lo", "low"),
        ({"accuracy": {"is": ">= 0.4"}}, "is", "at"),
        ({"champion": "no wors"}, "no wors", "no worse"),
        ({"champion": {"acuracy": "better"}}, "acuracy", "accuracy"),
        ({"margin": "wide"}, "wide", "number"),
        ({"slices": {"lenght": "no worse"}}, "lenght", "length"),
        ({"slices": {"length=1": "no worse"}}, "length=1", "length=1–10"),
        ({"slices": {"length": "good"}}, "good", "no worse"),
    ],
)
def test_faults_say_where_and_what(rules, seen, hint) -> None:
    with pytest.raises(ConfigError) as caught:
        gate(rules, side(rights(0.8)), side(rights(0.8), "old"))
    assert caught.value.where.startswith("gate")
    assert seen in str(caught.value)
    assert hint in str(caught.value)


def test_a_gate_is_checked_before_anything_runs() -> None:
    task = tasks.find("sentiment-analysis")
    check({"accuracy": ">= 0.8", "robustness.typos": "<= 0.1", "p95_ms": "< 9", "champion": "no worse"}, task)
    check({"slices": {"whatever": "no worse"}}, task)
    with pytest.raises(ConfigError) as caught:
        check({"acuracy": ">= 0.8"}, task)
    assert "did you mean 'accuracy'" in str(caught.value)


def test_without_conditions_or_champion() -> None:
    assert "no condition" in gate({}, side(rights(0.8))).words
    first = gate({"champion": "no worse", "slices": "no worse"}, side(rights(0.8)))
    assert first.passed
    assert "no champion yet" in first.checks[0].words
    assert first.champion is None


def test_against_the_champion() -> None:
    theirs = rights(0.8)
    better, worse = theirs | (rights(0.4, 1)), theirs & (rights(0.9, 2))
    assert gate({"champion": "no worse"}, side(better), side(theirs, "old")).passed
    assert gate({"champion": "better"}, side(better), side(theirs, "old")).passed
    lost = gate({"champion": "no worse"}, side(worse), side(theirs, "old"))
    assert not lost.passed
    assert "worse than the champion by more than the margin" in lost.words
    assert "4 of 5 runs" in lost.words
    assert gate({"champion": "no worse", "margin": 0.2}, side(worse), side(theirs, "old")).passed
    same = gate({"champion": "no worse", "margin": 0}, side(theirs), side(theirs, "old"))
    assert same.passed
    assert "equal to the champion" in same.words
    assert not gate({"champion": "better"}, side(theirs), side(theirs, "old")).passed


def test_too_few_examples_cannot_rule_a_loss_out() -> None:
    theirs = rights(0.8)
    mine = theirs.copy()
    mine[[*np.flatnonzero(theirs)[:40], *np.flatnonzero(~theirs)[:40]]] ^= True
    said = gate({"champion": "no worse", "margin": 0.005}, side(mine), side(theirs, "old"))
    assert not said.passed
    assert "cannot be ruled out" in said.words


def test_a_broken_slice_fails_while_the_whole_holds() -> None:
    theirs = rights(0.8)
    half = np.arange(N) < N // 2
    mine = np.where(half, theirs | rights(0.9, 1), theirs & rights(0.8, 2))
    said = gate({"champion": "no worse", "slices": {"length": "no worse"}}, side(mine), side(theirs, "old"))
    assert [one.passed for one in said.checks] == [True, False]
    assert "length=11–90" in said.words
    assert gate({"slices": {"length=1–10": "no worse"}}, side(mine), side(theirs, "old")).passed


def test_thresholds_of_slices() -> None:
    assert gate({"slices": {"length": ">= 0.5"}}, side(rights(0.8))).passed
    said = gate({"slices": {"length=1–10": ">= 0.95"}}, side(rights(0.8)))
    assert not said.passed
    assert "slice length=1–10 (450 examples)" in said.words


def test_reports_that_cannot_be_compared() -> None:
    mine = side(rights(0.8))
    other = gate({"champion": "no worse"}, mine, side(rights(0.8), "old", ids="x"))
    assert not other.passed
    assert "0 examples are in both" in other.words
    old = gate({"champion": "no worse"}, mine, side(rights(0.8), "old", signature="accuracy|v0"))
    assert "not comparable" in old.words


def test_markdown() -> None:
    said = markdown(gate({"accuracy": ">= 0.99"}, side(rights(0.8))))
    assert said.startswith("# Failed\n")
    assert "| ✗ | accuracy >= 0.99 |" in said


def test_a_metric_without_range_needs_a_margin() -> None:
    from modelworks.contracts.metric import Metric
    from modelworks.stages.evaluate.paired import margin_of

    endless = Metric(
        name="loss", signature="l", higher_is_better=False, statistics=ACCURACY.statistics, score=ACCURACY.score,
        ceiling=float("inf"),
    )  # fmt: skip
    assert margin_of(endless, 0.3) == 0.3
    with pytest.raises(ConfigError):
        margin_of(endless, None)
    assert margin_of(ACCURACY, None) == conditions.MARGIN


def test_a_champion_that_is_elsewhere_is_not_passed_over() -> None:
    rules, candidate = {"accuracy": ">= 0.5", "champion": "no worse"}, side(rights(0.8))
    refused = decide(rules, candidate, None, [], SETTINGS, absent="c" * 64)
    assert not refused.passed
    assert "not on this machine" in refused.words
    assert refused.champion == "c" * 64
    assert decide(rules, candidate, None, [], SETTINGS, absent="candidate").passed
    assert decide({"accuracy": ">= 0.5"}, candidate, None, [], SETTINGS, absent="c" * 64).passed
