"""Every perturbation keeps the contract. A new one is tested as soon as its file lies in the folder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.contracts import task as tasks
from modelworks.core import registry
from modelworks.kinds import KINDS, Image, Label, Span, Spans, Text
from modelworks.ops.image import open_image
from modelworks.ops.text import split_words

PACKAGE = "modelworks.stages.evaluate.perturbations"
NAMES = registry.names(PACKAGE)


def find(name):
    return registry.leaf(PACKAGE, name, "PERTURBATION")


def of_kind(kind):
    return [name for name in NAMES if find(name).input == kind]


def examples(kind):
    """Of every task whose input is of the kind; for texts, of every task whose input holds prose."""
    every = [example for name in registry.names(tasks.PACKAGE) for example in tasks.find(name).example()]
    return [one for one in every if one.input.name == kind or (kind == "text" and one.input.prose())]


@pytest.mark.parametrize("name", NAMES)
def test_name_and_kind(name):
    perturbation = find(name)
    assert perturbation.name == name
    assert perturbation.input in KINDS
    assert perturbation.summary


@pytest.mark.parametrize("name", NAMES)
def test_the_same_generator_gives_the_same_change_and_some_change_it_is(name):
    perturbation = find(name)
    changed = 0
    for seed, example in enumerate(examples(perturbation.input)):
        before = (example.input, example.target)
        first, again = (perturbation.apply(*before, np.random.default_rng(seed)) for _ in range(2))
        assert first == again
        assert (example.input, example.target) == before
        assert type(first[0]) is type(example.input)
        assert type(first[1]) is type(example.target)
        first[0].check()
        if first[1] is not None:
            first[1].check()
        changed += first[0] != example.input
    assert changed >= len(examples(perturbation.input)) / 2


@pytest.mark.parametrize("name", NAMES)
def test_it_works_without_a_target(name):
    perturbation = find(name)
    example = examples(perturbation.input)[0]
    assert perturbation.apply(example.input, None, np.random.default_rng(0))[1] is None


TEXT = st.one_of(
    st.text(max_size=50), st.text(alphabet="ab rnclOI15ßﬁİ'’.,@😀👩\u200d🏽\u0301נमि中\u00a0", max_size=50),
    st.lists(st.sampled_from(["Kuala", "Lumpur", "modern", "coffee", "warm", "😀", "!"]), max_size=9).map(" ".join),
)  # fmt: skip


@st.composite
def labelled_texts(draw):
    text = draw(TEXT)
    words = split_words(text).tolist()
    spans, n = [], 0
    while n < len(words):
        end = n + draw(st.integers(1, 3))
        if draw(st.booleans()):
            spans.append(Span(words[n][0], words[min(end, len(words)) - 1][1], draw(st.sampled_from(["x", "y"]))))
            n = end
        n += 1
    return Text(text), Spans(tuple(spans), tuple(tuple(word) for word in words))


@pytest.mark.parametrize("name", of_kind("text"))
@settings(max_examples=100, deadline=None)
@given(example=labelled_texts(), seed=st.integers(0, 1000))
def test_spans_move_along_whatever_the_text(name, example, seed):
    text, target = example
    found, moved = find(name).apply(text, target, np.random.default_rng(seed))
    moved.check()
    assert all(0 <= span.start < span.end <= len(found.text) for span in moved.spans)
    assert all(0 <= start < end <= len(found.text) for start, end in moved.tokens)
    assert [span.label for span in moved.spans] == [span.label for span in target.spans][: len(moved.spans)]
    for span in moved.spans:  # no blank slips in at the edges: the span still lies on its words
        assert not found.text[span.start].isspace()
        assert not found.text[span.end - 1].isspace()
    if name != "truncation":
        assert len(moved.spans) == len(target.spans)


@pytest.mark.parametrize("name", of_kind("image"))
@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (33, 20), (64, 64)])
def test_pictures_keep_their_size_and_change_a_little(name, shape):
    import cv2

    pixels = np.random.default_rng(0).integers(60, 190, (*shape, 3), dtype=np.uint8)
    picture = Image(cv2.imencode(".png", pixels)[1].tobytes())
    found, target = find(name).apply(picture, Label("x"), np.random.default_rng(1))
    assert target == Label("x")
    after = open_image(found.image)
    assert after.shape == pixels.shape
    if min(shape) > 2:
        assert not np.array_equal(after, open_image(picture.image))
        assert np.abs(after.astype(float) - open_image(picture.image)).mean() < 80
