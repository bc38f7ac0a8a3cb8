"""The tree family, on the examples of parsing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
from learn_fixtures import dataset, tiny_text_model, work

from modelworks.bundle import Predictor
from modelworks.dataset import Dataset
from modelworks.kinds import Text
from modelworks.stages import learn

SMALL = {
    "epochs": 60, "threads": 1, "batch_size": 4, "learning_rate": 0.01, "hidden": 24, "layers": 1, "width": 16,
    "arc": 16, "relation": 8, "tag": 16, "minimum": 1, "dropout": 0.0, "word_dropout": 0.0, "fast_math": False,
    "buckets": 512, "ema": 0.9,
}  # fmt: skip
TASK = "parsing"


def made(root: Path, model: str, options: dict) -> tuple[dict, dict]:
    dataset(root / "data", TASK)
    wish = {"model": model, "budget": "1h", "options": options}
    facts = learn.train(work(root, "checkpoint", {"dataset": root / "data"}, {"task": TASK, "train": wish}))
    inputs = {"dataset": root / "data", "checkpoint": root / "checkpoint"}
    return facts, learn.export(work(root, "bundle", inputs, {"task": TASK, "name": "tried"}))


@pytest.fixture(scope="module")
def compact(tmp_path_factory):
    root = tmp_path_factory.mktemp("tree")
    facts, export = made(root, "compact", SMALL)
    return root, facts, export


def test_the_compact_parser_learns_its_examples(compact):
    _, facts, export = compact
    assert facts["dev"] > 0.9
    assert export["difference"] <= 1e-3


def test_the_bundle_parses_raw_text_of_any_kind(compact):
    root, _, _ = compact
    predictor = Predictor.open(root / "bundle" / "bundle")
    texts = ["", " \n ", "Rain falls.", "word " * 700, "\u0000\ud7ff e\u0301 😀 नेहा 李白", "Stop\n\nStop"]
    for text, found in zip(texts, predictor.predict([Text(text) for text in texts]), strict=True):
        found.check()
        found.fits(Text(text))
        assert "".join(t.text for s in found.sentences for t in s.tokens).split() == ["".join(text.split())] * bool(
            text.split()
        )
        assert all(len(sentence.words) <= 250 for sentence in found.sentences)


def test_given_tokens_are_the_words_of_the_tree(compact):
    root, _, _ = compact
    predictor = Predictor.open(root / "bundle" / "bundle")
    text, places = "Rain falls. Stop now", ((0, 4), (5, 11), (12, 20))
    own, given = predictor.predict([Text(text), Text(text, places)])
    assert own == predictor.predict([Text(text)])[0]
    assert [(token.start, token.end) for s in given.sentences for token in s.tokens] == [*places]
    assert [word.form for s in given.sentences for word in s.words] == ["Rain", "falls.", "Stop now"]
    given.check()


def test_company_changes_no_answer(compact):
    root, _, _ = compact
    predictor = Predictor.open(root / "bundle" / "bundle")
    assert predictor.company == "any"
    inputs = [example.input for example in Dataset.open(root / "data").examples("dev")]
    together = predictor.predict(inputs)
    assert together == [predictor.predict([value])[0] for value in inputs]


def test_a_pretrained_encoder_is_trained_and_exported(tmp_path):
    tiny_text_model(tmp_path / "tiny")
    options = {
        "epochs": 1, "threads": 1, "fast_math": False, "buckets": 64, "arc": 8, "relation": 4, "tag": 8, "width": 8
    }  # fmt: skip
    _, export = made(tmp_path, "tiny", options)
    assert export["difference"] <= 1e-3
    predictor = Predictor.open(tmp_path / "bundle" / "bundle")
    (found,) = predictor.predict([Text("unheardof " * 600)])
    assert sum(len(sentence.words) for sentence in found.sentences) == 600


def test_long_sentences_give_each_word_fewer_subwords():
    from modelworks.ops._parsed import framed

    row = np.tile(np.arange(8), (100, 1))
    fed = framed([row], room=300, first=1, last=2, pad=0)
    assert fed["input_ids"].shape[1] <= 300
    assert set(fed["owners"][0].tolist()) == set(range(101))
