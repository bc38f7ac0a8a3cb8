"""Evaluation of a stream: bad input is named, inputs are not kept, every metric is asked with its input."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest

from modelworks.bundle import Predictor
from modelworks.contracts import task as tasks
from modelworks.core.config import Evaluate
from modelworks.core.errors import DataError
from modelworks.kinds import Example, Label, Text
from modelworks.stages.evaluate import evaluate, predict, robustness

TASK = tasks.find("sentiment-analysis")
PLAIN = replace(TASK, perturbations=())
QUICK = Evaluate(resamples=100, robustness=False)


@pytest.fixture(scope="module")
def predictor(bundle) -> Predictor:
    return Predictor.open(bundle / "bundle")


def test_no_labelled_example_is_an_error(predictor) -> None:
    with pytest.raises(DataError):
        evaluate(predictor, TASK, lambda: [], QUICK)
    with pytest.raises(DataError):
        evaluate(predictor, TASK, lambda: [Example("a", Text("good"))], QUICK)


def test_an_input_beyond_the_limits_is_named(predictor, examples) -> None:
    bad = Example("big", Text("good " * 30_000), Label("positive"), {}, "test", "big.csv:7")
    with pytest.raises(DataError) as caught:
        evaluate(predictor, TASK, lambda: [*examples(20), bad], QUICK)
    assert caught.value.where == "big.csv:7"


def test_inputs_are_not_kept(predictor, examples, monkeypatch) -> None:
    """Only a window of inputs, and those that the report shows, are in memory while others stream by."""
    monkeypatch.setattr(predict, "WINDOW", 50)
    alive: list[weakref.ref] = []
    most = 0

    class Long(str):
        """A string that can be watched."""

        __slots__ = ("__weakref__",)

    def stream():
        nonlocal most
        for number, example in enumerate(examples(600)):
            text = Long(example.input.text)
            alive.append(weakref.ref(text))
            yield replace(example, input=Text(text))
            del text
            if number % 50 == 49:
                gc.collect()
                most = max(most, sum(one() is not None for one in alive))

    found = evaluate(predictor, PLAIN, stream, QUICK)
    assert found.report["examples"] == 600
    assert 0 < most <= 2 * 50 + 20 + 12


def test_one_label_and_one_example(predictor) -> None:
    one = [Example("a", Text("good film"), Label("positive"))]
    report = evaluate(predictor, PLAIN, lambda: one, QUICK).report
    assert report["scores"]["accuracy"] == {
        "value": 1.0, "low": None, "high": None, "signature": "accuracy|v1", "higher_is_better": True,
    }  # fmt: skip


def test_a_label_the_model_does_not_know_counts_as_wrong(predictor, examples) -> None:
    odd = [replace(example, target=Label("strange")) for example in examples(40)]
    report = evaluate(predictor, PLAIN, lambda: odd, QUICK).report
    assert report["scores"]["accuracy"]["value"] == 0.0
    assert {one["truth"] for one in report["confusions"]} == {"strange"}


def test_robustness_is_paired_and_repeats(predictor, examples, monkeypatch) -> None:
    monkeypatch.setattr(robustness, "MOST", 60)
    settings = Evaluate(resamples=100)
    first, second = (evaluate(predictor, TASK, lambda: examples(150), settings).report["robustness"] for _ in range(2))
    assert first == second
    by_name = {one["perturbation"]: one for one in first}
    assert by_name["typos"]["examples"] == 60
    drop = by_name["typos"]["drop"]
    assert drop["low"] <= drop["value"] <= drop["high"]
    assert drop["value"] > 0


def test_intervals_can_be_turned(predictor, examples) -> None:
    narrow, wide = (
        evaluate(predictor, PLAIN, lambda: examples(150), Evaluate(confidence=c, resamples=300)).report["scores"][
            "accuracy"
        ]
        for c in (0.8, 0.99)
    )
    assert wide["low"] < narrow["low"] < narrow["high"] < wide["high"]


def test_examples_with_words_the_training_lacks_are_a_slice(predictor, examples) -> None:
    task = replace(PLAIN, slices=("length", "unknown words"))
    stream = examples(60)
    known = {word for example in stream[:30] for word in example.input.words()} - {"good"}
    found = evaluate(predictor, task, lambda: stream, QUICK, None, known)
    some = sum(
        "good" in example.input.words() or any(w not in known for w in example.input.words()) for example in stream
    )
    parts = {one["value"]: one["examples"] for one in found.report["slices"] if one["column"] == "unknown words"}
    assert parts == {"some": some, "none": 60 - some}
    assert Text("Don't", ((0, 2), (2, 5))).words() == ["do", "n't"]
    columns = {one["column"] for one in evaluate(predictor, task, lambda: stream, QUICK).report["slices"]}
    assert "unknown words" not in columns  # without a vocabulary there is nothing to say
