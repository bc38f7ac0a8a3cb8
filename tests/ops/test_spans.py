"""`spans.bio.v1` and v2: valid sequences, exact offsets."""

from __future__ import annotations

import itertools
import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.contracts import op as ops
from modelworks.kinds import Entities, Entity
from modelworks.ops import spans
from modelworks.ops.text import split_words

TAGS = ["O", "B-per", "I-per", "B-loc", "I-loc"]
SURE = 9.0


def run(logits, units, texts, tags=TAGS, **params):
    return ops.find("spans.bio.v1").run(None, logits, units, texts, tags=tags, **params)


def logits_of(tags):
    return np.array([[SURE * (tag == other) for other in TAGS] for tag in tags], dtype=np.float32).reshape(
        -1, len(TAGS)
    )


def valid(path):
    return all(
        not tag.startswith("I-") or (n > 0 and path[n - 1] in (f"B-{tag[2:]}", tag)) for n, tag in enumerate(path)
    )


def test_entities_with_offsets_and_the_mean_score():
    text = "Ada Lovelace left Kuala Lumpur."
    found = run([logits_of(["B-per", "I-per", "O", "B-loc", "I-loc", "O"])], [split_words(text)], [text])[0]
    chance = round(float(np.exp(SURE) / (np.exp(SURE) + 4)), 4)
    assert found == (Entity("per", chance, "Ada Lovelace", 0, 12), Entity("loc", chance, "Kuala Lumpur", 18, 30))
    assert type(found[0].score) is float
    assert type(found[0].start) is int


def test_a_word_speaks_by_its_first_subword_and_the_entity_takes_the_whole_word():
    text = "in Lumpur 😀"
    units = np.array([[0, 2], [3, 6], [6, 9], [10, 11]], dtype=np.int32)
    found = run([logits_of(["O", "B-loc", "O", "O"])], [units], [text])[0]
    assert [(e.word, e.start, e.end) for e in found] == [("Lumpur", 3, 9)]


@pytest.mark.parametrize("text", ["", "   ", "\u200d"])
def test_no_words_no_entities(text):
    assert run([np.zeros((0, 5))], [np.zeros((0, 2), np.int32)], [text]) == [()]


def test_words_without_units_are_passed_over():
    text = "see ?? London"
    units = np.array([[0, 3], [7, 13]], dtype=np.int32)  # a tokenizer that drops marks
    found = run([logits_of(["O", "B-loc"])], [units], [text])[0]
    assert [e.word for e in found] == ["London"]


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 5), st.integers(0, 10_000))
def test_viterbi_finds_the_best_of_all_valid_paths(length, seed):
    logs = np.log(np.random.default_rng(seed).dirichlet(np.ones(len(TAGS)), length))
    best = max(
        (path for path in itertools.product(range(len(TAGS)), repeat=length) if valid([TAGS[n] for n in path])),
        key=lambda path: sum(logs[n, tag] for n, tag in enumerate(path)),
    )
    assert tuple(spans._Scheme(TAGS).best(logs).tolist()) == best


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="aB 1.’'@😀👩\u200d🏽\u0301\ufe0f🇩🇪नमिשלֹ中ß\u00a0\n", max_size=50), st.integers(0, 10_000))
def test_whatever_the_logits_the_entities_are_slices_of_the_raw_text(text, seed):
    units = split_words(text)
    logits = np.random.default_rng(seed).normal(0, 3, (len(units), len(TAGS))).astype(np.float32)
    found = run([logits], [units], [text])[0]
    Entities(found).check()
    end = 0
    for entity in found:
        assert entity.word == text[entity.start : entity.end] != ""
        assert entity.start >= end
        assert entity.word == entity.word.strip()
        assert 0 <= entity.score <= 1
        end = entity.end


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(TAGS), min_size=1, max_size=12).filter(valid))
def test_decoding_sure_logits_gives_the_tags_back(tags):
    text = " ".join("w" for _ in tags)
    found = run([logits_of(tags)], [split_words(text)], [text])[0]
    again = ["O"] * len(tags)
    for entity in found:
        first, last = entity.start // 2, entity.end // 2
        again[first : last + 1] = [f"B-{entity.entity_group}", *[f"I-{entity.entity_group}"] * (last - first)]
    assert again == tags


def test_outside_trades_precision_for_recall():
    text = "London"
    logits = np.array([[1.0, 0.0, 0.0, 0.6, 0.0]], dtype=np.float32)
    assert run([logits], [split_words(text)], [text]) == [()]
    assert [e.entity_group for e in run([logits], [split_words(text)], [text], outside=1.0)[0]] == ["loc"]


def test_first_units():
    words = split_words("Kuala Lumpur !")
    units = np.array([[0, 3], [3, 5], [6, 12]], dtype=np.int32)
    spoken, first = spans.first_units(words, units)
    assert spoken.tolist() == [0, 1]
    assert first.tolist() == [0, 2]


BIOES = ["O", *(f"{part}-{label}" for label in ("per", "loc") for part in "BIES")]


def closed(path):
    """Valid BIOES by its grammar: O, S-x, or B-x I-x* E-x."""
    letters = {"per": "p", "loc": "l"}
    word = "".join("o" if tag == "O" else tag[0] + letters[tag[2:]] for tag in path)
    return re.fullmatch(r"(?:o|Sp|Sl|Bp(?:Ip)*Ep|Bl(?:Il)*El)*", word) is not None


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(0, 10_000))
def test_bioes_paths_are_whole_and_the_best(length, seed):
    logs = np.log(np.random.default_rng(seed).dirichlet(np.ones(len(BIOES)), length))
    best = max(
        (path for path in itertools.product(range(len(BIOES)), repeat=length) if closed([BIOES[n] for n in path])),
        key=lambda path: sum(logs[n, tag] for n, tag in enumerate(path)),
    )
    assert tuple(spans._Scheme(BIOES).best(logs).tolist()) == best


def two(logits, units, texts, given=((),), tags=TAGS, **params):
    return ops.find("spans.bio.v2").run(None, logits, units, texts, given, tags=tags, **params)


def test_bioes_gives_spans():
    text = "Ada Lovelace left London"
    names = ["B-per", "E-per", "O", "S-loc"]
    logits = np.array([[SURE * (tag == other) for other in BIOES] for tag in names])
    found = two([logits], [split_words(text)], [text], tags=BIOES)[0]
    assert [(e.entity_group, e.word) for e in found] == [("per", "Ada Lovelace"), ("loc", "London")]


def test_given_tokens_are_the_words():
    text = "NewYork"
    units = np.array([[0, 3], [3, 7]], dtype=np.int32)
    logits = logits_of(["O", "B-loc"])
    assert two([logits], [units], [text]) == [()]
    assert [e.word for e in two([logits], [units], [text], [((0, 3), (3, 7))])[0]] == ["York"]


@pytest.mark.parametrize(("merge", "found"), [("first", []), ("mean", ["Lumpur"]), ("max", ["Lumpur"])])
def test_the_units_of_a_word_speak_as_merge_says(merge, found):
    text = "in Lumpur"
    units = np.array([[0, 2], [3, 6], [6, 9]], dtype=np.int32)
    logits = np.array([[5, 0, 0, 0, 0], [1, 0, 0, 0.5, 0], [0, 0, 0, 4, 0]], dtype=np.float32)
    assert [e.word for e in two([logits], [units], [text], merge=merge)[0]] == found


def test_a_text_of_a_hundred_thousand_characters_is_decoded_in_a_moment():
    text = ("Ada Lovelace saw Kuala Lumpur 😀 " * 3200)[:100_000]
    words = split_words(text)
    logits = np.random.default_rng(0).normal(0, 2, (len(words), len(TAGS))).astype(np.float32)
    began = time.perf_counter()
    (found,) = two([logits], [words], [text])
    assert time.perf_counter() - began < 5
    assert len(found) > 1000
    assert all(entity.word == text[entity.start : entity.end] for entity in found)
