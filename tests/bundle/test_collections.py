"""Collections: made, added to, searched by words and by meaning, and attached to bundles."""

from __future__ import annotations

import json
import math
from collections import Counter
from itertools import pairwise
from pathlib import Path

import learn_fixtures
import numpy as np
import pytest
from tiny_bundle import make_bundle

from modelworks.bundle import Encoder, Predictor, collection, indexing, join
from modelworks.contracts import task as tasks
from modelworks.contracts.family import Source
from modelworks.core.errors import BundleError, ConfigError, DataError
from modelworks.kinds import Document, Example, Text
from modelworks.ops._search import Wish, search
from modelworks.ops._terms import terms
from modelworks.stages.learn import embedding

TEXTS = {
    "a": "the cat sat on the mat. the cat slept.",
    "b": "a dog ran. the dog barked at the cat.",
    "c": "rain fell on the roof of the old house",
    "d": "coffee 😀 und Kaffee, 咖啡很好喝",
}


def documents(texts: dict[str, str] = TEXTS) -> list[Example]:
    return [Example(id=name, input=Document(text), where=name) for name, text in texts.items()]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A retriever whose vectors mean nothing."""
    folder = tmp_path_factory.mktemp("retriever")
    model = learn_fixtures.tiny_text_model(tmp_path_factory.mktemp("encoder"))
    embedding.retriever(Source(name="tiny", folder=model, licence="MIT", origin="here"), folder)
    return folder


@pytest.fixture(scope="module")
def made(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("collection")
    indexing.create(folder, Encoder.open(bundle), documents())
    return folder


def test_terms_of_any_script() -> None:
    assert terms("The Cats' ﬁlm, running!", "english") == ["the", "cat", "film", "run"]
    assert terms("The Cats ran") == ["the", "cats", "ran"]
    assert terms("咖啡很") == ["咖啡", "啡很"]
    assert terms("STRASSE Straße") == ["strasse", "strasse"]
    assert terms("... 😀") == []


def test_words_are_scored_by_bm25(made: Path) -> None:
    opened = collection.opened(made)
    words = {name: terms(text, "english") for name, text in TEXTS.items()}
    average = sum(map(len, words.values())) / len(words)
    query = terms("cats and dogs", "english")
    weights = {}
    for word in query:
        having = sum(word in found for found in words.values())
        weights[word] = math.log(1 + (len(words) - having + 0.5) / (having + 0.5))
    expected = {}
    for name, found in words.items():
        counts = Counter(found)
        room = 1.2 * (0.25 + 0.75 * len(found) / average)
        expected[name] = sum(weights[w] * counts[w] * 2.2 / (counts[w] + room) for w in query) / (
            2.2 * sum(weights.values())
        )
    (hits,) = search(opened, ["cats and dogs"], np.zeros((1, 32)), Wish(4, 0.0, 1.2, 0.75, 0.0))
    assert {hit.id: hit.score for hit in hits} == pytest.approx(expected, abs=1e-6)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_meaning_is_scored_by_the_nearest_passage(made: Path) -> None:
    opened = collection.opened(made)
    segment = opened.segments[0]
    vector = np.asarray(segment.vectors[int(segment.firsts[2])], dtype=np.float32)
    (hits,) = search(opened, ["x"], vector[None], Wish(2, 1.0, 1.2, 0.75, 0.0))
    assert hits[0].id == "c"
    assert hits[0].score == pytest.approx(1, abs=1e-3)
    assert hits[0].text == TEXTS["c"][hits[0].start :][: len(hits[0].text)]


def test_a_retriever_answers_from_what_is_attached(bundle: Path, made: Path) -> None:
    with pytest.raises(ConfigError, match="collection"):
        Predictor.open(bundle).predict([Text("cat")])
    predictor = Predictor.open(bundle, attach={"collection": made})
    queries = [Text("coffee"), Text("roof of a house"), Text("咖啡")]
    together = predictor.predict(queries)
    assert [found.hits[0].id for found in together] == ["d", "c", "d"]
    assert together == [predictor.predict([query])[0] for query in queries]
    with pytest.raises(ConfigError, match="no place"):
        Predictor.open(bundle, attach={"index": made})


def test_adding_is_as_making_at_once(bundle: Path, made: Path, tmp_path: Path) -> None:
    encoder, grown = Encoder.open(bundle), tmp_path / "grown"
    indexing.create(grown, encoder, documents()[:1])
    (grown / "segment-0001").mkdir()  # what a killed run left
    indexing.add(grown, encoder, documents()[1:])
    assert len(collection.opened(grown)) == 4
    assert collection.verify(grown).id != collection.read(made).id
    queries = [Text("the cat"), Text("old dog"), Text("rain and coffee")]
    answers = [Predictor.open(bundle, attach={"collection": one}).predict(queries) for one in (made, grown)]
    assert answers[0] == answers[1]


def test_an_id_is_given_once(bundle: Path, made: Path, tmp_path: Path) -> None:
    encoder = Encoder.open(bundle)
    with pytest.raises(DataError, match="already"):
        indexing.create(tmp_path / "twice", encoder, [*documents(), *documents()])
    with pytest.raises(DataError, match="empty"):
        indexing.create(tmp_path / "empty", encoder, documents({"x": " "}))


def test_what_was_altered_or_made_otherwise_is_refused(bundle: Path, made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    indexing.create(folder, Encoder.open(bundle), documents())
    (folder / "segment-0000" / "vectors.npy").write_bytes(b"short")
    with pytest.raises(BundleError, match="cut"):
        collection.opened(folder)
    plain = json.loads((folder / "collection.json").read_text())
    plain["encoder"] = "0" * 64
    (made.parent / "other").mkdir(exist_ok=True)
    (made.parent / "other" / "collection.json").write_text(json.dumps({**plain, "segments": []}))
    with pytest.raises(BundleError, match="another encoder"):
        Predictor.open(bundle, attach={"collection": made.parent / "other"})
    with pytest.raises(BundleError, match="another encoder"):
        indexing.add(made.parent / "other", Encoder.open(bundle), documents())
    with pytest.raises(BundleError, match="not a collection"):
        collection.opened(tmp_path)


def test_nothing_is_found_in_nothing(bundle: Path, tmp_path: Path) -> None:
    indexing.create(tmp_path / "none", Encoder.open(bundle), [])
    predictor = Predictor.open(bundle, attach={"collection": tmp_path / "none"})
    assert predictor.predict([Text("cat")])[0].hits == ()


def test_passages_are_whole_sentences_that_overlap(bundle: Path) -> None:
    tokenizer = Encoder.open(bundle).tokenizer
    text = "One two. Three four. Five six. Seven eight."
    places = indexing.cut(text, tokenizer, 20)
    assert text[slice(*places[0])].startswith("One two.")
    assert all(text[b - 1] == "." for _, b in places)
    assert all(later[0] < earlier[1] for earlier, later in pairwise(places))
    long = indexing.cut("x" * 100, tokenizer, 20)
    assert "".join("x" * (b - a) for a, b in long) == "x" * 100


def test_bundles_of_other_tasks_are_not_joined(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="put together"):
        join(tasks.find("retrieval"), [bundle], tmp_path)
    with pytest.raises(BundleError, match="no vectors"):
        Encoder.open(make_bundle(tmp_path / "classifier"))
