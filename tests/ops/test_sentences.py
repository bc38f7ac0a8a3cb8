"""Sentences: where they are, windows of them, and the choice among them."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.contracts import op as ops
from modelworks.kinds import Length
from modelworks.ops._choice import choose_sentences
from modelworks.ops._sentence_windows import Window, cut, frame, nearest
from modelworks.ops._sentences import sentence_hashes
from modelworks.ops.sentences import split_sentences


def split(text: str) -> list[str]:
    return [text[a:b] for a, b in split_sentences(text).tolist()]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Smith went home. He slept.", ["Dr. Smith went home.", "He slept."]),
        ("He paid $3.50 for it. OK?", ["He paid $3.50 for it.", "OK?"]),
        ("See Fig. 3. It is J. R. Smith's e.g. foo. Bar", ["See Fig. 3.", "It is J. R. Smith's e.g. foo.", "Bar"]),
        ('Text goes. "Yes." She left.', ["Text goes.", '"Yes."', "She left."]),
        ("What?! No... maybe. Yes", ["What?!", "No... maybe.", "Yes"]),
        ("We beat others (Lee et al., 2019). It is new.", ["We beat others (Lee et al., 2019).", "It is new."]),
        ("It works.[1] So there.", ["It works.[1]", "So there."]),
        ("The U.S. Government said so. Done", ["The U.S. Government said so.", "Done"]),
        ("你好。再见！好", ["你好。", "再见！", "好"]),
        ("यह वाक्य है। दूसरा।", ["यह वाक्य है।", "दूसरा।"]),
        ("A title\n\nText of it\nthat goes on.", ["A title", "Text of it\nthat goes on."]),
        ("Buy:\n- milk\n- bread", ["Buy:", "- milk", "- bread"]),
        ("1. First item. 2. Second", ["1. First item.", "2. Second"]),
        ("No end", ["No end"]),
        (" \n ", []),
        ("", []),
    ],
)  # fmt: skip
def test_rules(text, sentences):
    assert split(text) == sentences


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=60), st.text(alphabet="aB .!?。\n\"'()1-é\u2028", max_size=60)))
def test_every_character_but_white_space_lies_in_one_sentence(text):
    at = 0
    for start, end in split_sentences(text).tolist():
        assert start >= at
        assert not text[at:start].strip()
        assert text[start:end].strip() == text[start:end] != ""
        at = end
    assert not text[at:].strip()


def test_a_long_text_is_split_in_little_time():
    began = time.process_time()
    for part in ("A. ", ".", "\n", "b", " ", "\n ", ".b", "。", '!"', "[1]", ".[1]", "\r\n"):
        split_sentences(part * 30_000)
    assert time.process_time() - began < 5


def test_given_sentences_are_kept():
    run = ops.find("sentences.split.v1").run
    own, given_ones = run(None, ["A b. C d.", "A b. C d."], [(), ((0, 9),)])
    assert own.tolist() == [[0, 4], [5, 9]]
    assert given_ones.tolist() == [[0, 9]]


def test_long_sentences_keep_their_place_and_first_words():
    text = " ".join(f"w{n}" for n in range(200))
    (hashes,) = sentence_hashes(text, np.array([[0, len(text)]]), 20)
    assert len(hashes) == 20
    assert set(hashes.tolist()) & set(sentence_hashes("w0", np.array([[0, 2]]), 20)[0].tolist())


UNITS = np.array([[0, 11], [12, 23], [24, 35]])
TEXT = "one two tri one two tri six ten six"


def chosen(logits, redundancy=0.0, **length):
    found = choose_sentences(TEXT, UNITS, np.array(logits, dtype=np.float32), Length(**length), redundancy)
    return [(start, end) for start, end, _ in found]


def test_the_best_come_in_the_order_of_the_text():
    assert chosen([1, 0, 3], sentences=2) == [(0, 11), (24, 35)]
    assert chosen([1, 0, 3], sentences=1) == [(24, 35)]
    assert len(chosen([1, 0, 3], sentences=9)) == 3


def test_what_was_said_is_not_said_again():
    assert chosen([2, 1.9, 1], sentences=2) == [(0, 11), (12, 23)]
    assert chosen([2, 1.9, 1], sentences=2, redundancy=0.5) == [(0, 11), (24, 35)]


def test_limits_of_words_and_characters_hold_and_cut_when_nothing_fits():
    assert chosen([3, 2, 1], words=6) == [(0, 11), (12, 23)]
    assert chosen([3, 2, 1], characters=23) == [(0, 11), (12, 23)]
    assert chosen([3, 2, 1], characters=22) == [(0, 11)]
    assert chosen([3, 2, 1], words=2) == [(0, 7)]
    assert chosen([3, 2, 1], characters=8) == [(0, 7)]
    assert chosen([3, 2, 1], characters=2) == []


def test_scores_are_probabilities_and_a_text_without_sentences_has_no_summary():
    run = ops.find("sentences.choose.v1").run
    texts, found = run(
        None,
        [TEXT, ""],
        [UNITS, UNITS[:0]],
        [np.array([[0], [0], [0]]), np.empty((0, 1))],
        [Length(sentences=3), Length()],
    )
    assert texts == ["one two tri one two tri six ten six", ""]
    assert [one.score for one in found[0]] == [0.3333] * 3
    assert found[1] == ()


def test_a_callers_wish_for_words_lifts_the_models_number_of_sentences():
    run = ops.find("sentences.choose.v1").run
    logits = [np.array([[2], [1], [0]])]
    texts, _ = run(None, [TEXT], [UNITS], logits, [Length(words=6)], sentences=1, redundancy=0.0)
    assert texts == ["one two tri one two tri"]
    texts, _ = run(None, [TEXT], [UNITS], logits, [Length(sentences=3)], sentences=1, words=6)
    assert len(texts[0].split()) == 6


def test_windows_overlap_hold_whole_sentences_and_reach_the_end():
    owners = np.repeat(np.arange(10), 3)
    windows = cut(4, owners, 10, 12)
    assert windows[0] == Window(4, 0, 3)
    assert windows[-1].end == 10
    assert all(after.start < before.end for before, after in pairwise(windows))
    taken = nearest(windows, 10)
    assert all(windows[number].start <= at < windows[number].end for at, number in enumerate(taken.tolist()))
    assert cut(0, np.zeros(50, dtype=np.int64), 1, 12) == [Window(0, 0, 1)]


def test_a_frame_says_whose_each_position_is():
    feeds = frame(
        [Window(0, 1, 3)], [np.array([7, 8, 9, 5])], [np.array([0, 1, 1, 2])], [4], first=1, last=2, pad=0, size=16
    )
    assert feeds["input_ids"].tolist() == [[1, 8, 9, 2, 5, 2, 0, 0]]
    assert feeds["owners"].tolist() == [[-1, 0, 0, 0, 1, 1, -1, -1]]
    assert feeds["attention_mask"].tolist() == [[1, 1, 1, 1, 1, 1, 0, 0]]
    assert feeds["places"].tolist() == [[[1, 2], [2, 1], [0, 0], [0, 0]]]


def test_every_sentence_of_a_long_text_is_scored_once():
    class Tools:
        def run(self, graph, feeds):
            assert feeds["input_ids"].shape[1] <= 16
            return {"logits": feeds["places"][..., 0].astype(np.float32)}

    owners = np.repeat(np.arange(30), 3)
    rows = [np.stack([np.arange(30), np.arange(30) + 1], 1), np.empty((0, 2))]
    run = ops.find("sentences.windows.v1").run
    long, nothing = run(Tools(), [owners, owners[:0]], [owners, owners[:0]], rows, size=16, first=1, last=2)
    assert long[:, 0].tolist() == list(range(30))
    assert nothing.shape == (0, 1)
