"""Ops that stream: pieces as they come, the same outputs when nobody listens, and an end when the listener goes."""

from __future__ import annotations

import planted_ops
import pytest

from modelworks.bundle import Interpreter
from modelworks.contracts import op as ops
from modelworks.contracts.program import Call, Program
from modelworks.kinds import Text

PROGRAM = Program(
    inputs={"raw": "text"},
    calls=(
        Call(op="odd.words.v1", inputs=("raw",), outputs=("spelled",)),
        Call(op="odd.shout.v1", inputs=("spelled",), outputs=("text",)),
    ),
    outputs={"text": "text"},
)
LOG: list[str] = []


@pytest.fixture(autouse=True)
def vocabulary():
    with planted_ops.own():
        ops.op("odd.words.v1", streams=True)(words)
        ops.op("odd.shout.v1")(shout)
        LOG.clear()
        yield


def words(tools, texts):
    try:
        for row, text in enumerate(texts):
            for word in text.split():
                LOG.append(word)
                yield row, {"piece": word}
        return ["-".join(text.split()) for text in texts]
    finally:
        LOG.append("closed")


def shout(tools, texts):
    return [text.upper() for text in texts]


@pytest.fixture
def interpreter():
    return Interpreter(PROGRAM, {}, {}, input="text", prediction="text")


def test_who_wants_no_pieces_gets_the_outputs_of_the_whole_batch(interpreter):
    assert interpreter.run([Text("a b"), Text("c")]) == [Text("A-B"), Text("C")]


def test_pieces_come_one_by_one_and_the_prediction_last(interpreter):
    (row,) = interpreter.prepare([Text("a b")])
    stream = interpreter.stream(row)
    assert next(stream) == {"piece": "a"}
    assert LOG == ["a"]
    assert list(stream) == [{"piece": "b"}, Text("A-B")]


def test_closing_the_iterator_stops_the_work(interpreter):
    (row,) = interpreter.prepare([Text("a b c")])
    stream = interpreter.stream(row)
    next(stream)
    stream.close()
    assert LOG == ["a", "closed"]
