"""Summarization: what its files look like, and what its starter answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tiny_tasks
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks import starters
from modelworks.bundle import Predictor
from modelworks.contracts import format as formats
from modelworks.contracts import task as tasks
from modelworks.contracts.format import Bad, Reading
from modelworks.core.errors import RequestError
from modelworks.kinds import Article, Length, References, Written, decode

READING = Reading(input="article", target="references")
TASK = tasks.find("tldr")
ABSTRACT = (
    "Trees are everywhere. Dr. Oak et al. looked at them before. In this paper, we propose a new way to measure trees. "
    "We tried it in ten forests. The code is free."
)


def read(path, name):
    return list(formats.find(name).read(path, READING))


def lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_scitldr_lines_are_read_with_their_sentences(tmp_path):
    row = {"source": ["One fact. ", " ", "Two facts."], "source_labels": [0, 1, 0], "rouge_scores": [0.1, 0, 0.4],
           "paper_id": "x", "target": ["Facts.", "Two of them."], "title": "On facts"}  # fmt: skip
    (one,) = read(lines(tmp_path / "train.jsonl", row), "jsonl")
    assert one.input == Article("One fact. Two facts.", sentences=((0, 9), (10, 20)))
    assert one.target == References(("Facts.", "Two of them."))


def test_columns_of_news_summaries_are_found(tmp_path):
    path = tmp_path / "news.csv"
    path.write_text('id,article,highlights\n7,"It rained. Rivers rose.","Rivers rose\nby metres"\n', "utf-8")
    (one,) = read(path, "csv")
    assert (one.id, one.input, one.target) == (
        "7", Article("It rained. Rivers rose."), References(("Rivers rose\nby metres",))
    )  # fmt: skip


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"document": "A b.", "summary": " "}, "reference is empty"),
        ({"document": "A b.", "summary": []}, "there is no reference"),
        ({"document": "A b.", "summary": 3}, "neither a text nor a list"),
        ({"document": "  ", "summary": "a"}, "text is empty"),
        ({"sentences": [" ", ""], "summary": "a"}, "holds no sentence"),
        ({"sentences": [1], "summary": "a"}, "neither a text nor a list of sentences"),
        ({"text": "A b.", "sentences": [[0, 9]], "summary": "a"}, "past the end"),
        ({"text": "A b.", "sentences": [[2, 4], [0, 1]], "summary": "a"}, "out of order"),
    ],
)
def test_bad_examples_say_where_and_why(tmp_path, row, words):
    good = {key: {"summary": "a", "sentences": ["A b."]}.get(key, "A b.") for key in row}
    if "text" in row:
        good["sentences"] = [[0, 4]]
    first, second = read(lines(tmp_path / "x.jsonl", good, row), "jsonl")
    assert not isinstance(first, Bad)
    assert isinstance(second, Bad)
    assert second.where.endswith("x.jsonl:2")
    assert words in second.message


@pytest.fixture(scope="module")
def starter():
    return Predictor.open(Path(starters.__file__).parent / "summarization.zip")


def test_the_starter_picks_the_sentence_that_says_most(starter):
    (found,) = starter.predict([Article(ABSTRACT)])
    assert found.text == "In this paper, we propose a new way to measure trees."
    (chosen,) = found.sentences
    assert ABSTRACT[chosen.start : chosen.end] == found.text
    assert 0.2 < chosen.score <= 1


def test_a_wished_length_is_kept(starter):
    (three,) = starter.predict([Article(ABSTRACT, length=Length(sentences=3))])
    assert len(three.sentences) == 3
    assert [one.start for one in three.sentences] == sorted(one.start for one in three.sentences)
    (short,) = starter.predict([Article(ABSTRACT, length=Length(characters=30))])
    assert 0 < len(short.text) <= 30
    (words,) = starter.predict([decode("article", b'{"text": "' + ABSTRACT.encode() + b'", "length": {"words": 25}}')])
    assert 10 < len(words.text.split()) <= 25


def test_a_long_document_and_given_sentences(starter):
    long = Article(" ".join(f"Fact {number} is dull." for number in range(3000)) + " We propose a new method.")
    (found,) = starter.predict([long])
    assert found.text == "We propose a new method."
    (found,) = starter.predict([Article("no stops here we go", sentences=((0, 13), (14, 19)))])
    assert found.text in ("no stops here", "we go")
    with pytest.raises(RequestError, match="too large"):
        starter.predict([Article("a" * 100_001)])


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_any_text_is_answered_from_itself(starter, text):
    (found,) = starter.predict([Article(text, length=Length(sentences=2))])
    assert found.text == " ".join(text[one.start : one.end] for one in found.sentences)
    assert bool(found.text) == bool(text.strip())


def test_a_page_marks_what_was_chosen():
    written = decode("written", {"text": "C d.", "sentences": [{"start": 7, "end": 11, "score": 0.5}]})
    html = TASK.render(Article("A <b>. C d."), References(("C & d",)), written)
    assert "C d.<sub>0.50</sub></mark>" in html
    assert "A &lt;b&gt;. <mark" in html
    assert "C &amp; d" in html


@pytest.mark.slow
def test_it_may_also_be_learnt_by_writing(tmp_path):
    executor = tiny_tasks.run(tiny_tasks.project(tmp_path, "summarization", family="seq2seq"))
    (found,) = Predictor.open(executor.path("export") / "bundle").predict([Article("Trees grow slowly.")])
    assert isinstance(found, Written)
    assert found.sentences == ()
