"""Sets of labels: from cells, checked, judged."""

from __future__ import annotations

import numpy as np
import pytest

from modelworks.contracts import task as tasks
from modelworks.kinds import Judgement, Label, LabelScores, LabelSet, Scored


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        (["love", "joy"], ("joy", "love")), ("love, joy", ("joy", "love")), ("love|joy;joy", ("joy", "love")),
        ("", ()), ([], ()), (None, ()), (3, ("3",)),
        ({"joy": "1", "love": 0, "fear": "true", "anger": ""}, ("fear", "joy")),
    ],
)  # fmt: skip
def test_from_the_cell_of_a_table(cell, labels):
    value = LabelSet.from_fields({} if cell is None else {"labels": cell})
    value.check()
    assert value.labels_ == labels


@pytest.mark.parametrize("cell", [{"joy": "maybe"}, {"joy": 2}, [["joy"]], [None]])
def test_what_is_no_set_of_labels(cell):
    with pytest.raises(ValueError, match=r"neither yes nor no|a label is a text"):
        LabelSet.from_fields({"labels": cell})


@pytest.mark.parametrize("labels", [("",), ("b", "a"), ("a", "a")])
def test_sets_that_contradict_themselves(labels):
    with pytest.raises(ValueError, match="label"):
        LabelSet(labels).check()


def test_single_decisions():
    found = LabelScores(
        ("joy", "love"), (Scored("joy", 0.9), Scored("love", 0.6), Scored("fear", 0.2), Scored("x", 0.0))
    )
    assert found.judgements(LabelSet(("fear", "joy"))) == [
        Judgement("joy", "joy", 0.9, True), Judgement(None, "love", 0.6, False), Judgement("fear", None, None, False),
    ]  # fmt: skip
    assert found.judgements(Label("joy")) is None
    assert found.rows() == [("joy", 0.9), ("love", 0.6)]


def test_a_label_that_training_never_saw_is_no_question():
    task = tasks.find("multi-label")
    encoded = task.encode(LabelSet(("joy", "new")), {}, ["fear", "joy"])["labels"]
    assert encoded.dtype == np.float32
    assert encoded.tolist() == [0.0, 1.0]
    assert LabelSet.open_labels
