"""Bundles put together: answers over a collection, and a chat model that is given what was found."""

from __future__ import annotations

from pathlib import Path

import learn_fixtures
import pytest
import streaming

from modelworks.bundle import Draft, Encoder, Predictor, indexing, join, record_selftest, write
from modelworks.bundle.sessions import interpreter
from modelworks.contracts import task as tasks
from modelworks.contracts.family import Source
from modelworks.core import registry
from modelworks.kinds import Document, Example, Message, Prompt, Sampling, Text
from modelworks.stages.learn import embedding

TEXTS = {"cats": "The cat sat on the mat.", "rain": "Rain fell on the roof of the old house."}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Source:
    folder = learn_fixtures.tiny_text_model(tmp_path_factory.mktemp("encoder"))
    return Source(name="tiny", folder=folder, licence="MIT", origin="here")


@pytest.fixture(scope="module")
def finder(encoder: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finder")
    embedding.retriever(encoder, folder)
    return folder


@pytest.fixture(scope="module")
def collection(finder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("collection")
    documents = [Example(id=name, input=Document(text)) for name, text in TEXTS.items()]
    indexing.create(folder, Encoder.open(finder), documents)
    return folder


@pytest.fixture(scope="module")
def reader(encoder: Source, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader that nobody taught."""
    folder, task = tmp_path_factory.mktemp("reader"), tasks.find("question-answering")
    family = registry.leaf("modelworks.stages.learn.families", "span", "FAMILY")
    front = family.prepare([], encoder, family.options(), folder)
    module = family.build(front, [], family.options(), folder).eval()
    (folder / "network.json").unlink()
    draft = Draft(
        name="reader", task=task.name, input=task.input, target=task.target, prediction=task.prediction, labels=(),
        program=task.program((), front.body), graphs=family.export(module, folder), resources=front.resources,
    )  # fmt: skip
    inputs = [example.input for example in task.example()][:3]
    record_selftest(folder, inputs, interpreter(folder, draft).run(inputs))
    write(folder, draft)
    return folder


def test_answers_come_with_the_documents_they_stand_in(
    finder: Path, reader: Path, collection: Path, tmp_path: Path
) -> None:
    manifest = join(tasks.find("open-question-answering"), [finder, reader], tmp_path)
    assert {graph.name for graph in manifest.graphs} == {"retrieval.embedding.model", "question-answering.model"}
    predictor = Predictor.open(tmp_path, attach={"collection": collection})
    questions = [Text("where sat the cat"), Text("old house"), Text("zzz")]
    together = predictor.predict(questions)
    assert together == [predictor.predict([one])[0] for one in questions]
    for found in together:
        assert {hit.id for hit in found.hits} <= set(TEXTS)
        for answer in found.answers:
            assert answer.answer == (TEXTS[answer.source][answer.start : answer.end] if answer.source else "")
        assert sum(answer.score for answer in found.answers) <= 1.001
    assert together[0].hits[0].id == "cats"


def test_a_chat_model_is_given_what_was_found(finder: Path, collection: Path, tmp_path: Path) -> None:
    with streaming.vocabulary():
        writer = streaming.make_writer(tmp_path / "writer")
        (tmp_path / "joined").mkdir()
        join(tasks.find("contextual-answers"), [finder, writer], tmp_path / "joined")
        empty = tmp_path / "empty"
        indexing.create(empty, Encoder.open(finder), [])
        known, unknown = (
            Predictor.open(tmp_path / "joined", attach={"collection": folder}) for folder in (collection, empty)
        )
        asked = Prompt(messages=(Message("user", "where sat the cat"),), sampling=Sampling(max_tokens=3, temperature=0))
        answer = known.predict([asked])[0]
        assert answer.sources[0].id == "cats"
        assert answer.text != "I don't know."
        assert unknown.predict([asked])[0].text == "I don't know."
        assert not unknown.predict([asked])[0].sources
        *pieces, last = unknown.stream(asked)
        assert "".join(piece["text"] for piece in pieces) == "I don't know."
        assert last == unknown.predict([asked])[0]
