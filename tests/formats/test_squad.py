"""SQuAD JSON: both versions, what it says of bad questions, paragraphs and queries, there and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelworks.contracts.format import Bad, Reading
from modelworks.core.errors import DataError
from modelworks.formats import detect, squad, subjqa
from modelworks.kinds import Accepted, Document, Pair, Reference, Relevant, Text

READER = Reading(input="pair", target="accepted")
CONTEXT = "The Panthers gave up 308 points. 😀 They won."


def question(text: str, start: int | None, answer: str = "308", **more: object) -> dict:
    answers = [] if start is None else [{"text": answer, "answer_start": start}]
    return {"id": f"q-{text}", "question": text, "answers": answers, **more}


def wrote(folder: Path, *questions: dict, version: str = "v2.0") -> Path:
    paragraphs = [{"context": "Nothing here.", "qas": []}, {"context": CONTEXT, "qas": list(questions)}]
    path = folder / "dev.json"
    path.write_text(
        json.dumps({"version": version, "data": [{"title": "Panthers", "paragraphs": paragraphs}]}), "utf-8"
    )
    return path


def test_questions_with_and_without_answer(tmp_path: Path) -> None:
    path = wrote(tmp_path, question("How many?", 21), question("Who lost?", None, is_impossible=True))
    assert detect(path).name == "squad"
    first, second = squad.read(path, READER)
    assert first.input == Pair("How many?", CONTEXT, "Panthers")
    assert first.target == Accepted((Reference("308", 21),))
    assert second.target == Accepted(())
    assert [one.meta["answerable"] for one in (first, second)] == ["yes", "no"]
    assert first.meta["group"] == "Panthers"
    assert first.id == "q-How many?"


def test_plausible_answers_are_no_answers(tmp_path: Path) -> None:
    plausible = [{"text": "308", "answer_start": 21}]
    path = wrote(tmp_path, question("Who lost?", None, is_impossible=True, plausible_answers=plausible))
    (only,) = squad.read(path, READER)
    assert only.target == Accepted(())


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (question("How many?", 20), "it stands at 21"),
        (question("How many?", 21, "three hundred"), "nowhere in the context"),
        (question("How many?", -1), "before the context"),
        (question("How many?", 21, " "), "empty"),
        (question(" ", 21), "question is empty"),
        ({"id": "x", "answers": []}, "question"),
        ({"id": "x", "question": "Who?", "answers": [{"text": "308"}]}, "answer_start"),
    ],
)
def test_a_bad_question_is_named_and_the_next_is_read(tmp_path: Path, bad: dict, said: str) -> None:
    path = wrote(tmp_path, bad, question("How many?", 21))
    first, second = squad.read(path, READER)
    assert isinstance(first, Bad)
    assert said in first.message
    assert "Panthers, paragraph 2, question 1" in first.where
    assert first.seen
    assert first.allowed
    assert not isinstance(second, Bad)


def test_no_squad(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"data": [{"paragraphs": [{"qas": []}]}]}', "utf-8")
    with pytest.raises(DataError, match="context"):
        list(squad.read(path, READER))


def test_paragraphs_and_queries_of_a_collection(tmp_path: Path) -> None:
    path = wrote(tmp_path, question("How many?", 21), version="1.1")
    documents = list(squad.read(path, Reading(input="document", target="")))
    assert [one.id for one in documents] == ["Panthers#1", "Panthers#2"]
    assert documents[1].input == Document(CONTEXT, "Panthers")
    (query,) = squad.read(path, Reading(input="text", target="relevant"))
    assert query.input == Text("How many?")
    assert query.target == Relevant({"Panthers#2": 1})


def test_there_and_back(tmp_path: Path) -> None:
    path = wrote(tmp_path, question("How many?", 21), question("Who lost?", None, is_impossible=True))
    examples = list(squad.read(path, READER))
    squad.write(tmp_path / "again.json", examples)
    again = list(squad.read(tmp_path / "again.json", READER))
    assert [(e.id, e.input, e.target) for e in again] == [(e.id, e.input, e.target) for e in examples]


SUBJQA = """item_id,question,review,human_ans_spans,human_ans_indices
i1,How is the food?,"It's great, they say. ANSWERNOTFOUND","It 's great","(0, 10)"
i1,How is the music?,"It's great, they say. ANSWERNOTFOUND",ANSWERNOTFOUND,"(22, 36)"
i2,How is the view?,Nice. ANSWERNOTFOUND,Nice,"(90, 94)"
i2,How is the view?,Nice. ANSWERNOTFOUND,Nice,nowhere
"""


def test_subjqa_with_a_line_end_of_old_is_a_fault_and_no_crash(tmp_path: Path) -> None:
    """`\\r` alone ends no line of CSV here: found by bytes at random."""
    path = tmp_path / "train.csv"
    path.write_bytes(b"\r\x01\n" + SUBJQA.encode())
    bad, *_ = subjqa.FORMAT.read(path, READER)
    assert isinstance(bad, Bad)
    assert "not CSV" in bad.message


def test_subjqa(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(SUBJQA, "utf-8")
    assert detect(path).name == "subjqa"
    first, second, *bad = detect(path).read(path, READER)
    assert first.input == Pair("How is the food?", "It's great, they say.")
    assert first.target == Accepted((Reference("It's great", 0),))
    assert second.target == Accepted(())
    assert [one.meta["answerable"] for one in (first, second)] == ["yes", "no"]
    assert all(isinstance(one, Bad) and one.seen and one.allowed for one in bad)
    assert len(bad) == 2
