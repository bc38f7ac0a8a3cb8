"""Question and context: what they share, windows, and answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from modelworks.ops import pair
from modelworks.ops.answers import span

CHARACTERS = {letter: n for n, letter in enumerate("?abcdefghijklmnopqrstuvwxyz .")}


def letters() -> Tokenizer:
    """A token a character."""
    tokenizer = Tokenizer(models.WordLevel(CHARACTERS, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    return tokenizer


class Tools:
    """A graph that says of each position its id, and of "no answer" how many positions it saw."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def resource(self, name: str) -> Tokenizer:
        return letters()

    def run(self, graph: str, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.seen.append(feeds["input_ids"].shape)
        logits = np.repeat(feeds["input_ids"][..., None].astype(np.float32), 2, axis=-1)
        logits[:, 0] = feeds["attention_mask"].sum(1)[:, None]
        return {"logits": logits}


def test_words_that_the_question_has_too_are_marked() -> None:
    questions, contexts = ["Who painted it?"], ["It was painted by a painter."]
    asked, given_, units = pair.subwords(Tools(), questions, contexts)
    names = [pair.MATCHES[n] for n in given_[0][:, 1]]
    marks = {contexts[0][a:b]: names[n] for n, (a, b) in enumerate(units[0].tolist())}
    assert marks["I"] == marks["t"] or marks["I"] == "same"
    words = {word: names[contexts[0].index(word)] for word in ("It", "was", "painted", "painter.")}
    assert words == {"It": "same", "was": "none", "painted": "same", "painter.": "alike"}
    assert (asked[0][:, 1] == pair.MATCHES.index("question")).all()


def test_a_long_question_is_cut() -> None:
    asked, _, _ = pair.subwords(Tools(), ["abc" * 50], ["b"], most=10)
    assert asked[0].shape == (10, 5)


def test_windows_give_every_position_its_own_logits() -> None:
    rows = ["abc", "a", "abcdefghijklmnopqrstuvwxyz" * 5, ""]
    tools = Tools()
    asked, given_, _ = pair.subwords(tools, ["who"] * 4, rows)
    logits, nothing = pair.windows(tools, asked, given_, size=24, stride=7, first=90, last=91)
    for row, found in zip(given_, logits, strict=True):
        assert found.shape == (len(row), 2)
        assert np.array_equal(found[:, 0], row[:, 0])
    assert all(width <= 24 for _, width in tools.seen)
    assert [float(one[0]) for one in nothing] == [9, 7, 24, 6]


def test_a_row_alone_and_in_company_is_the_same() -> None:
    tools = Tools()
    rows = ["abc de", "x" * 60, "q"]
    asked, given_, _ = pair.subwords(tools, ["who is"] * 3, rows)
    together = pair.windows(tools, asked, given_, size=20, stride=5, first=1, last=2)[0]
    for n in range(3):
        alone = pair.windows(tools, asked[n : n + 1], given_[n : n + 1], size=20, stride=5, first=1, last=2)[0]
        assert np.array_equal(alone[0], together[n])


def answers(starts: list[float], ends: list[float], none: float, **params: float) -> list:
    context = "abcdefghij"[: len(starts)]
    units = np.array([(n, n + 1) for n in range(len(starts))], dtype=np.int32).reshape(-1, 2)
    logits = np.array([starts, ends], dtype=np.float32).T.reshape(-1, 2)
    found = span(Tools(), [logits], [np.array([none / 2, none / 2])], [units], [context], **params)
    return [column[0] for column in found]


def test_the_best_run_that_does_not_end_before_it_begins() -> None:
    text, score, start, end, found = answers([0, 9, 0, 0], [9, 0, 0, 5], 0)
    assert (text, start, end) == ("bcd", 1, 4)
    assert score > 0.9
    assert [one.answer for one in found].count("") == 1
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_no_answer_when_it_is_likelier_and_its_shift() -> None:
    assert answers([0, 2], [0, 2], 9)[0] == ""
    assert answers([0, 2], [0, 2], 9, shift=-8.0)[0] == "b"
    assert answers([], [], -5)[:2] == ["", 1.0]


def test_runs_are_no_longer_than_allowed() -> None:
    assert answers([9, 0, 0, 0], [0, 0, 0, 9], -9, longest=2)[0] != "abcd"


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=30), st.text(max_size=60))
def test_any_text_and_answers_slice_it(question: str, context: str) -> None:
    question, context = (part.encode("utf-8", "replace").decode() for part in (question, context))
    tools = Tools()
    asked, given_, units = pair.subwords(tools, [question], [context])
    logits, nothing = pair.windows(tools, asked, given_, size=16, stride=4, first=1, last=None)
    *_, (found,) = span(tools, logits, nothing, units, [context])
    assert all(context[one.start : one.end] == one.answer for one in found)
    assert sum(one.score for one in found) <= 1 + 1e-3


@pytest.mark.parametrize(("asked", "given_"), [(3, 10), (3, 100), (60, 100), (0, 0), (0, 14)])
def test_windows_cover_a_context(asked: int, given_: int) -> None:
    cuts = pair.cut(asked, given_, 20, 7)
    assert sorted({place for a, b in cuts for place in range(a, b)}) == list(range(given_))


def test_the_sentence_that_repeats_the_question_stands_out() -> None:
    context = "It rained. A cat sat on the mat. The mat was red."
    _, given_, units = pair.subwords(Tools(), ["Where sat the cat?"], [context])
    levels = {context[a:b]: int(row[4]) for row, (a, b) in zip(given_[0], units[0].tolist(), strict=True)}
    assert levels["I"] == 1
    assert given_[0][context.index("cat"), 4] == 4
    assert 1 < given_[0][context.index("red"), 4] < 4 or given_[0][context.index("red"), 4] == 1
