"""Targets of spans on units of any kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.bundle import Interpreter
from modelworks.contracts import op as ops
from modelworks.contracts import task as tasks
from modelworks.contracts.body import Body
from modelworks.contracts.program import Call
from modelworks.kinds import Entities, Entity, Span, Spans, Text
from modelworks.ops.text import split_words

TASK = tasks.find("ner")
LABELS = ["loc", "per"]
TAGS = ["O", "B-loc", "I-loc", "B-per", "I-per"]


def encode(text, spans, units):
    row = {"text": text, "units": np.array(units, dtype=np.int32).reshape(-1, 2)}
    found = TASK.encode(Spans(tuple(Span(*span) for span in spans)), row, LABELS)["labels"]
    assert found.dtype == np.int64
    return [TAGS[n] if n >= 0 else None for n in found]


def test_classes_are_iob2_tags():
    assert TASK.classes(LABELS) == TAGS
    assert TASK.classes([]) == ["O"]


def test_each_word_speaks_by_its_first_unit():
    text = "in Kuala Lumpur now"
    units = [(0, 2), (3, 5), (5, 8), (9, 12), (12, 15), (16, 19)]
    assert encode(text, [(3, 15, "loc")], units) == ["O", "B-loc", None, "I-loc", None, "O"]


def test_two_spans_side_by_side_stay_two():
    text = "Ada Grace"
    assert encode(text, [(0, 3, "per"), (4, 9, "per")], split_words(text)) == ["B-per", "B-per"]


@pytest.mark.parametrize(
    ("span", "tags"),
    [
        ((1, 3), ["B-per", "O"]),  # begins inside a word
        ((0, 4), ["B-per", "O"]),  # ends with the blank behind
        ((2, 5), ["B-per", "I-per"]),  # touches both words
        ((3, 4), ["O", "O"]),  # a blank alone
    ],
)
def test_a_span_off_the_words_takes_the_words_it_overlaps(span, tags):
    text = "Ada Grace"
    assert encode(text, [(*span, "per")], split_words(text)) == tags


def test_of_two_spans_in_one_word_the_earlier_has_it():
    text = "New-Yorkers cheer"
    assert encode(text, [(0, 2, "loc"), (2, 3, "per"), (3, 11, "per")], split_words(text)) == [
        "B-loc", "B-per", "I-per", "O",
    ]  # fmt: skip


def test_a_possessive_leaves_the_name_alone():
    text = "Ada's house"
    assert encode(text, [(0, 3, "per")], split_words(text)) == ["B-per", "O", "O"]


def test_a_text_without_words():
    assert encode("", [], []) == []


ODD = "aB 1.’'@😀👩\u200d🏽\u0301नमिשלֹ中ß\u00a0"


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=ODD, max_size=40), st.data())
def test_what_is_encoded_decodes_to_the_same_spans_in_any_script(text, data):
    words = split_words(text).tolist()
    spans, n = [], 0
    while n < len(words):
        stop = min(len(words), n + data.draw(st.integers(1, 3)))
        if data.draw(st.booleans()):
            spans.append((words[n][0], words[stop - 1][1], data.draw(st.sampled_from(LABELS))))
            n = stop
        else:
            n += 1
    row = {"text": text, "units": split_words(text)}
    encoded = TASK.encode(Spans(tuple(Span(*span) for span in spans)), row, LABELS)["labels"]
    logits = np.eye(len(TAGS))[encoded] * 20
    (found,) = ops.find("spans.bio.v1").run(None, [logits], [row["units"]], [text], tags=TAGS)
    assert [(e.start, e.end, e.entity_group) for e in found] == spans
    assert all(e.word == text[e.start : e.end] for e in found)


def test_target_and_prediction_are_shown_side_by_side_with_exact_marks():
    html = TASK.render(Text("a<b 😀 Ada"), Spans((Span(6, 9, "per"),)), Entities((Entity("loc", 0.5, "😀", 4, 5),)))
    assert html.index("target") < html.index("prediction")
    assert "a&lt;b" in html
    assert ">Ada<sub>per</sub></mark>" in html
    assert ">😀<sub>loc</sub></mark>" in html


PIECES = [
    "London",
    "नमस्ते",
    "😀",
    "👩🏽‍🚀",
    "e\u0301tude",
    "李白",
    "שלום",
    "don't",
    "\u200d",
    "a" * 300,
    "\n",
    "3.14",
    "ﬁ",
    "🇩🇪",
]


def test_a_hundred_thousand_characters_of_any_script_in_windows():
    random = np.random.default_rng(0)
    text = " ".join(random.choice(PIECES, 20_000))[:100_000].encode("utf-8", "ignore").decode()
    body = Body(
        shape="token", length="grams",
        before=(Call(op="text.words.v1", inputs=("text",), outputs=("words", "units")),
                Call(op="text.grams.v1", inputs=("words",), outputs=("grams",), params={"buckets": 50})),
        after=(Call(op="graph.windows.v1", inputs=("grams",), outputs=("logits",), graphs=("model",),
                    params={"feeds": ["x"], "size": 128, "stride": 64}),),
    )  # fmt: skip
    seen = []

    def graph(feeds):
        seen.append(feeds["x"].shape)
        return {"logits": random.normal(0, 3, (*feeds["x"].shape[:2], len(TAGS))).astype(np.float32)}

    interpreter = Interpreter(TASK.program(LABELS, body), {"model": graph}, {}, input="text", prediction="entities")
    (found,) = interpreter.run([Text(text)])
    found.check()
    assert max(shape[1] for shape in seen) <= 128
    assert len(found.entities) > 1000
    assert all(entity.word == text[entity.start : entity.end] for entity in found.entities)
    starts = [entity.start for entity in found.entities]
    assert starts == sorted(starts)
    assert found.entities[-1].end > 0.99 * len(text)
