"""Every metric keeps the contract. A new metric is tested as soon as its file lies in `metrics/`."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.contracts import metric as metrics
from modelworks.core import registry
from modelworks.kinds import (
    Accepted,
    Answer,
    Answers,
    Completion,
    Continuation,
    Entities,
    Entity,
    Hit,
    Hits,
    Kind,
    Label,
    Labels,
    LabelScores,
    LabelSet,
    Pair,
    Prompt,
    Reference,
    References,
    Relevant,
    Scored,
    Sentence,
    Span,
    Spans,
    Tagged,
    TaggedToken,
    Tags,
    Text,
    Token,
    TokenScore,
    Tree,
    Usage,
    Word,
    Written,
)  # fmt: skip

NAMES = [name.replace("-", "_") for name in registry.names(metrics.PACKAGE)]
LABELS = ["a", "b", "c"]
TEXT = Text("ab cd ef gh ij kl")


def label_example(generator: np.random.Generator, perfect: bool) -> tuple[Kind, Kind, Kind]:
    target = LABELS[int(generator.integers(3))]
    chances = generator.dirichlet(np.ones(3)).round(4).tolist()
    scored = [Scored(label, chance) for label, chance in zip(LABELS, chances, strict=True)]
    if perfect:
        scored = [Scored(label, float(label == target)) for label in LABELS]
    scored.sort(key=lambda entry: -entry.score)
    return Label(target), Labels(scored[0].label, scored[0].score, tuple(scored)), TEXT


def span_example(generator: np.random.Generator, perfect: bool) -> tuple[Kind, Kind, Kind]:
    def spans() -> list[Span]:
        places = sorted(generator.choice(6, int(generator.integers(1, 4)), replace=False).tolist())
        return [Span(3 * n, 3 * n + 2, LABELS[int(generator.integers(2))]) for n in places]

    right = spans()
    given_spans = right if perfect else spans()
    entities = (Entity(s.label, 0.9, TEXT.text[s.start : s.end], s.start, s.end) for s in given_spans)
    return Spans(tuple(right)), Entities(tuple(entities)), TEXT


def star_example(generator: np.random.Generator, perfect: bool) -> tuple[Kind, Kind, Kind]:
    target, prediction, text = label_example(generator, perfect)
    steps = dict(zip(LABELS, "135", strict=True))
    assert isinstance(target, Label)
    assert isinstance(prediction, Labels)
    scored = tuple(Scored(steps[entry.label], entry.score) for entry in prediction.labels_)
    return Label(steps[target.label]), Labels(scored[0].label, scored[0].score, scored), text


def set_example(generator: np.random.Generator, perfect: bool) -> tuple[Kind, Kind, Kind]:
    right = tuple(label for label in LABELS if generator.random() < 0.5)
    chosen = right if perfect else tuple(label for label in LABELS if generator.random() < 0.5)
    scored = [Scored(label, 0.75 if label in chosen else 0.25) for label in LABELS]
    scored.sort(key=lambda entry: -entry.score)
    return LabelSet(right), LabelScores(chosen, tuple(scored)), TEXT


def tag_example(generator: np.random.Generator, perfect: bool) -> tuple[Kind, Kind, Kind]:
    places = tuple((3 * n, 3 * n + 2) for n in range(6))
    right = [LABELS[int(n)] for n in generator.integers(3, size=6)]
    said = right if perfect else [LABELS[int(n)] for n in generator.integers(3, size=6)]
    tokens = (TaggedToken(TEXT.text[a:b], tag, 0.9, a, b) for (a, b), tag in zip(places, said, strict=True))
    return Tags(tuple(right), places), Tagged(tuple(tokens)), TEXT


def tree_example(generator: np.random.Generator, perfect: bool) -> tuple[Kind, Kind, Kind]:
    def tree() -> Tree:
        root, tags = int(generator.integers(6)), generator.choice(["NOUN", "VERB"], 6)
        tokens = tuple(
            Token(3 * n, 3 * n + 2, TEXT.text[3 * n : 3 * n + 2], (
                Word(n + 1, "w", (root + 1) * (n != root), "w", str(tags[n]), deprel=("obj", "root")[n == root]),
            )) for n in range(6)
        )  # fmt: skip
        return Tree((Sentence(0, 17, tokens),))

    right = tree()
    return right, right if perfect else tree(), TEXT


def prompt_example(generator: np.random.Generator, perfect: bool) -> tuple[Kind, Kind, Kind]:
    words = [str(word) for word in generator.choice(["ab", "c d", "é"], 4)]
    said, at = [], 0
    for word in words:
        said.append(TokenScore(word, at, at + len(word), 0.0 if perfect else float(-generator.exponential())))
        at += len(word)
    text = "".join(words)
    completion = Completion(text, "length", Usage(4, 0), tuple(said))
    return Continuation("".join(words[2:])), completion, Prompt(text)


def reference_example(generator: np.random.Generator, perfect: bool) -> tuple[Kind, Kind, Kind]:
    def text() -> str:
        return " ".join(generator.choice(["the", "dog", "runs", "fast", "in", "snow", "."], 9).tolist())

    references = tuple(text() for _ in range(int(generator.integers(1, 3))))
    return References(references), Written(references[0] if perfect else text()), TEXT


def answer_example(generator: np.random.Generator, perfect: bool) -> tuple[Kind, Kind, Kind]:
    right, said = (str(word) for word in generator.choice(["ab cd", "cd ef", "ef"], 2))
    answer = right if perfect else said
    found = Answer(answer, 0.9, 0, len(answer))
    pair = Pair("which?", "ab cd ef")
    return (
        Accepted((Reference(right, pair.context.index(right)),)),
        Answers(answer, 0.9, 0, len(answer), (found,)),
        pair,
    )


def hits_example(generator: np.random.Generator, perfect: bool) -> tuple[Kind, Kind, Kind]:
    order = [str(n) for n in generator.permutation(20)[:12]]
    best = order[0] if perfect else str(generator.integers(20))
    hits = tuple(Hit(name, 1 - n / 20, "", "text", 0) for n, name in enumerate(order))
    return Relevant({best: 1}), Hits(hits), TEXT


SMOOTHED = ("bleu", "bleu_lower")
"""A corpus without a single match of some order scores less the larger it is: so the field has it."""
MAKERS = (
    label_example, span_example, tag_example, tree_example, set_example, prompt_example, reference_example,
    answer_example, hits_example,
)  # fmt: skip
"""One a shape of target and prediction; a metric takes the first that it does not refuse with a TypeError."""
SCALES = ("mae", "quadratic_kappa")
"""Metrics of labels that are numbers."""


def statistics(name: str, seed: int, count: int, perfect: bool = False) -> list[np.ndarray]:
    metric = metrics.find(name)
    labels = list("135") if name in SCALES else LABELS
    for make in (star_example,) if name in SCALES else MAKERS:
        generator = np.random.default_rng(seed)
        examples = [make(generator, perfect) for _ in range(count)]
        try:
            return [
                metric.statistics(target, prediction, labels, given_input)
                for target, prediction, given_input in examples
            ]
        except TypeError:
            continue
    raise AssertionError(f"tell this suite how to make targets and predictions for {name}")


@pytest.mark.parametrize("name", NAMES)
def test_name_signature_and_range(name):
    metric = metrics.find(name)
    assert metric.name == name
    assert re.fullmatch(rf"{name}(\|[^|\s]+)*\|v[1-9]\d*", metric.signature)
    assert metric.floor < metric.ceiling


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_prediction_gets_the_best_score(name):
    metric = metrics.find(name)
    best = metric.ceiling if metric.higher_is_better else metric.floor
    assert metric.score(statistics(name, 0, 20, perfect=True), np.ones((1, 20)))[0] == pytest.approx(best)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(1, 12), rows=st.integers(1, 5))
def test_weights_are_how_often_an_example_counts(name, seed, count, rows):
    metric = metrics.find(name)
    found = statistics(name, seed, count)
    weights = np.random.default_rng(seed).multinomial(count, np.ones(count) / count, rows).astype(float)
    scores = metric.score(found, weights)
    assert scores.shape == (rows,)
    for row, value in zip(weights.astype(int), scores, strict=True):
        repeated = [found[n] for n, times in enumerate(row) for _ in range(times)]
        assert value == pytest.approx(metric.score(repeated, np.ones((1, len(repeated))))[0], nan_ok=True, abs=1e-12)
        assert metric.floor - 1e-9 <= value <= metric.ceiling + 1e-9
    if name not in SMOOTHED:
        assert metric.score(found, weights * 3) == pytest.approx(scores, nan_ok=True, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_order_of_examples_does_not_matter(name, seed):
    metric = metrics.find(name)
    found = statistics(name, seed, 9)
    assert metric.score(found[::-1], np.ones((1, 9))) == pytest.approx(metric.score(found, np.ones((1, 9))))


@pytest.mark.parametrize("name", NAMES)
def test_no_example_no_number(name):
    found = statistics(name, 0, 5)
    assert np.isnan(metrics.find(name).score(found, np.zeros((2, 5)))).all()


@pytest.mark.parametrize("name", NAMES)
def test_statistics_are_float64_and_tell_examples_apart_from_nothing(name):
    for entry in statistics(name, 1, 10):
        assert entry.dtype == np.float64
        assert np.isfinite(entry).all()


@pytest.mark.parametrize("name", NAMES)
def test_values_of_a_wrong_kind_are_refused(name):
    with pytest.raises(TypeError):
        metrics.find(name).statistics(TEXT, TEXT, LABELS, TEXT)
