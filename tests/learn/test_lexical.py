"""A pretrained encoder with a reader of words and letters beside it: trained, exported, alike alone and in company."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import learn_fixtures
import tiny_tasks

from modelworks.bundle import Predictor
from modelworks.contracts import task as tasks
from modelworks.kinds import Tagged, Text


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    folder = tmp_path_factory.mktemp("lexical")
    (folder / "model").mkdir()
    learn_fixtures.tiny_text_model(folder / "model")
    executor = tiny_tasks.run(tiny_tasks.project(folder, "part-of-speech-tagging", "model"), "export")
    return Predictor.open(executor.path("export") / "bundle")


def test_the_graph_reads_words_letters_and_shapes(predictor: Predictor) -> None:
    (graph,) = predictor.manifest.graphs
    assert graph.inputs == ("input_ids", "words", "grams", "shapes", "attention_mask")
    assert {resource.name for resource in predictor.manifest.resources} == {"tokenizer", "words"}


def test_it_answers_alone_as_in_company_with_given_and_own_tokens(predictor: Predictor) -> None:
    inputs = [example.input for example in tasks.find("pos").example()]
    inputs += [Text(value.text) for value in inputs if isinstance(value, Text)] + [
        Text(""),
        Text(" \u200b "),
        Text("न" * 600),
    ]
    together = predictor.predict(inputs)
    for value, answer in zip(inputs, together, strict=True):
        assert predictor.predict([value]) == [answer]
        assert isinstance(value, Text)
        assert isinstance(answer, Tagged)
        places = tuple((token.start, token.end) for token in answer.tokens)
        assert not value.tokens or places == value.tokens
        assert all(token.word == value.text[token.start : token.end] for token in answer.tokens)
