"""Every op of the vocabulary keeps the contract. A new op is tested as soon as its file lies in `ops/`, provided that
the names of its arguments are known here: an argument's name says what it holds."""

from __future__ import annotations

import copy
import importlib
import inspect
import re
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from modelworks.contracts import op as ops
from modelworks.contracts.collection import Segment
from modelworks.contracts.program import Call, Program
from modelworks.core import registry
from modelworks.kinds import Answer, Hit, Length, Sampling
from modelworks.ops._terms import hashes
from modelworks.ops.text import ngram_hashes, split_words

for _area in registry.names(ops.PACKAGE):
    importlib.import_module(f"{ops.PACKAGE}.{_area.replace('-', '_')}")
NAMES = sorted(name for name in ops.OPS if ops.OPS[name].run.__module__.startswith(ops.PACKAGE))
ROWWISE = [name for name in NAMES if ops.OPS[name].rowwise]
TAGS = ["O", "B-a", "I-a", "B-b", "I-b"]


def small_tokenizer() -> Tokenizer:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "film", "lon", "##don", "cafe", "!", "##s", "a", "b", "'"]
    tokenizer = Tokenizer(models.WordPiece({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]", length=50)  # as many published files ask for
    tokenizer.enable_truncation(4)
    return tokenizer


def small_collection() -> SimpleNamespace:
    """Two documents, found by their vectors or by the word `london`."""
    word = hashes(["london"])
    segment = Segment(
        vectors=np.eye(3, dtype=np.float16)[:2], firsts=np.array([0, 1, 2]), places=np.array([[0, 2], [0, 3]]),
        terms=word, offsets=np.array([0, 1]), postings=np.array([1], np.int32), counts=np.array([1], np.uint16),
        lengths=np.array([4, 5], np.int32),
    )  # fmt: skip
    document = lambda segment, number: (f"d{number}", "", "London")  # noqa: E731
    return SimpleNamespace(segments=[segment], stemmer="", encoder="", document=document)


class Tools:
    """The resources ops ask for by default, and a graph that scores each position by its own id."""

    def __init__(self) -> None:
        hashes = ngram_hashes("the film in London 😀")
        vocabulary = {"the": 2, "film": 3}
        self.resources = {
            "tokenizer": small_tokenizer(), "vocabulary": vocabulary, "words": hashes, "characters": hashes,
            "features": hashes, "collection": small_collection(), "scripts": ["l|0+|0+"] * 14,
        }  # fmt: skip

    def resource(self, name: str):
        return self.resources[name]

    def decoder(self, graph: str, cache=None):
        return Decoder()

    def run(self, graph: str, feeds):
        if graph == "encoder":
            return {"memory_0": (feeds["input_ids"] * feeds["attention_mask"]).sum(axis=1).astype(np.float32)}
        if graph == "decoder":
            return written(feeds)
        if graph == "reader":
            return {"logits": (feeds["marks"][..., :2] * feeds["attention_mask"][..., None]).astype(np.float32)}
        if graph == "parser":
            return parsed(feeds["ids"])
        if graph == "relations":
            return {"logits": feeds["dependents"] * 2 + feeds["governors"]}
        if graph == "places":
            return {"logits": feeds["places"].sum(-1).astype(np.float32)}
        ids = next(iter(feeds.values())).astype(np.float32)
        return {"logits": np.stack([ids + column for column in range(len(TAGS))], axis=-1)}


def written(feeds) -> dict[str, np.ndarray]:
    """Scores of 14 tokens that come from the source, from all tokens before and the newest one."""
    past = np.concatenate([feeds["past_0"], feeds["tokens"].reshape(-1, 1, 1, 1).astype(np.float32)], axis=2)
    seen = past.sum(axis=(1, 2, 3)).reshape(feeds["tokens"].shape) + feeds["memory_0"][:, None]
    scores = -((seen[:, :, None] * np.arange(3, 17, dtype=np.float32)) % 11)
    return {"logprobs": scores, "present_0": past}


def parsed(ids: np.ndarray) -> dict[str, np.ndarray]:
    """Numbers and scores of arcs that come from the words' own ids."""
    nodes = np.concatenate([np.zeros_like(ids[:, :1]), ids], axis=1).astype(np.float32)
    wide = nodes[..., None] * np.arange(1, 4, dtype=np.float32) % 7
    layers = {layer: ids % 5 for layer in ("upos", "xpos", "feats", "scripts")}
    return {**layers, "arcs": wide @ wide.swapaxes(1, 2) % 11, "dependents": wide, "governors": wide}


class Decoder:
    """Finds likely what lies near to the sum of all it read. Holds three sequences."""

    vocabulary, context = 14, 8

    def __init__(self) -> None:
        self.room = 3

    def open(self, wait: bool = True):
        assert self.room or not wait
        if not self.room:
            return None
        self.room -= 1
        return []

    def scores(self, handle, tokens):
        handle.extend(tokens.tolist())
        assert len(handle) <= self.context
        ends = range(len(handle) - len(tokens) + 1, len(handle) + 1)
        return np.stack([-abs(np.arange(14, dtype=np.float32) - sum(handle[:end]) % 14) for end in ends])

    def step(self, feeds):
        return [self.scores(handle, tokens)[-1] for handle, tokens in feeds]

    def reset(self, handle) -> None:
        handle.clear()

    def close(self, handle) -> None:
        self.room += 1


# What required parameters are set to, and optional ones that an op does nothing without.
PARAMS = {
    "pair.windows.v1": {"size": 8, "stride": 3, "first": 2, "last": 3, "graph": "reader"},
    "hits.pairs.v1": {"most": 1},
    "hits.messages.v1": {"instruction": "Answer."},
    "hits.cited.v1": {"unknown": "I don't know."},
    "hits.answers.v1": {"read_hits": 1},
    "generate.beam.v1": {"start": 2, "end": 3, "past": [[1, 1]], "beams": 2, "most": 6, "tokenizer": "tokenizer"},
    "generate.read.v1": {"tokenizer": "tokenizer", "most": 6},
    "sampling.generate.v1": {"first": [2], "ends": [3]},
    "sentences.windows.v1": {"size": 12, "first": 2, "last": 3, "graph": "places"},
    "parse.sentences.v1": {"feeds": ["ids"], "root": 1, "most": 2},
    "parse.limit.v1": {"most": 3},
    "tree.assemble.v1": {"names": dict.fromkeys(("upos", "xpos", "feats", "deprel"), ("a", "b"))},
    "graph.windows.v1": {"feeds": ["ids"], "size": 6, "stride": 3, "first": [2], "last": [3]},
}
PARAM = {
    "height": 7, "width": 5, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "buckets": 64, "max_length": 5,
    "labels": ["a", "b", "c", "d", "e"], "tags": TAGS,
}  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="aB 1.,'@#😀👩\u200dé\u0301नमिשלֹ/:", max_size=40),
    st.sampled_from(
        ["", " ", "The film in London!", "don't @you #me https://a.b/c.", "\u200d", "3.14 😀👩🏽‍🚀 🇩🇪", "ÀÉ ß ﬁ İ"]
    ),
).filter(lambda text: text.isascii() or text.encode("utf-8", "replace").decode() == text)
LENGTHS = st.integers(0, 9)


def picture(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def values(argument: str, name: str, row: tuple[str, int, int]):
    """What an argument of this name holds for a row: (text, length, seed)."""
    text, length, seed = row
    generator = np.random.default_rng(seed)
    units = split_words(text)
    made = {
        "texts": lambda: text,
        "written": lambda: text,
        "questions": lambda: text[:5],
        "contexts": lambda: text,
        "queries": lambda: text,
        "asked": lambda: np.full((2, 5), seed % 14, dtype=np.int64),
        "nothing": lambda: generator.normal(size=2).astype(np.float32),
        "vectors": lambda: np.eye(3, dtype=np.float32)[seed % 3],
        "hits": lambda: (Hit("a", 0.5, "", text, 0),) * min(length, 1),
        "read": lambda: (Answer(text[:1], 0.5, 0, 1), Answer("", 0.25, 0, 0)),
        "forms": lambda: [text[a:b] for a, b in units.tolist()],
        "features": lambda: np.arange(len(units), dtype=np.int64) + seed,
        "tokens": lambda: np.concatenate([units, np.ones((len(units), 1), np.int32)], axis=1),
        "sentences": lambda: np.array([n for n in (len(units) // 2, len(units) - len(units) // 2) if n], np.int32),
        "given": lambda: np.full((length, 5), seed % 14, dtype=np.int64) if name.startswith("pair.") else (),
        "lengths": lambda: Length(words=length),
        "pieces": lambda: np.arange(3 * len(units)),
        "owners": lambda: np.repeat(np.arange(len(units)), 3),
        "units": lambda: units,
        "words": lambda: units if name == "tokens.spread.v1" else [text[a:b] for a, b in units.tolist()],
        "rows": lambda: np.arange(5 if "stack" in name else length) + seed,
        "prompts": lambda: text,
        "messages": lambda: (),
        "ids": lambda: np.arange(len(units), dtype=np.int64) % 14,
        "samplings": lambda: Sampling(
            max_tokens=length, seed=seed, logprobs=seed % 3, echo=seed % 2 == 1, n=1 + seed % 2
        ),
        "inputs": lambda: np.arange(length, dtype=np.int64) + seed % 50,
        "values": lambda: np.arange(len(units), dtype=np.int64) + seed,
        "lemmas": lambda: [text[a:b] for a, b in units.tolist()],
        "heads": lambda: np.zeros(len(units), dtype=np.int64),
        **dict.fromkeys(("upos", "xpos", "feats", "deprel"), lambda: np.arange(len(units)) % 2),
        "scores": lambda: generator.normal(size=(length + 1, length + 1)),
        "logits": lambda: generator.normal(
            size=(len(text), 6) if name == "tokens.segment.v1" else SIZES.get(name.partition(".")[0], _five)(len(units))
        ),
        "probabilities": lambda: generator.dirichlet(np.ones(5)).round(1),
        "images": lambda: (
            encoded(picture(seed, length + 1, length + 3))
            if name == "image.decode.v1"
            else picture(seed, length + 1, length + 3)
        ),
    }
    assert argument in made, f"tell this suite what an argument called {argument!r} holds"
    return made[argument]()


def _five(count: int):
    return 5


SIZES = {
    "answers": lambda count: (count, 2), "spans": lambda count: (count, 5), "sentences": lambda count: (count, 1),
    "tags": lambda count: (count, 5),
}  # fmt: skip
"""Shape of the logits of a text with so many units, by area; elsewhere five for the whole text."""


def encoded(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def arguments(name: str, rows: list[tuple[str, int, int]]) -> list[list]:
    parameters = list(inspect.signature(ops.OPS[name].run).parameters.values())[1:]
    names = [p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    columns = [[values(argument, name, row) for row in rows] for argument in names]
    arrays = name.startswith(("scores.", "labels."))  # these come behind a graph: one array, not a list
    return [np.stack(column) if arrays else column for column in columns]


def call(name: str, rows: list[tuple[str, int, int]]) -> list[list]:
    """The outputs of an op, each a list of one value a row."""
    known = ops.OPS[name]
    params = PARAMS.get(name) or {p: PARAM[p] for p in known.params if p in PARAM}
    assert known.required <= set(params), f"tell this suite values for {known.required - set(params)}"
    result = known.run(Tools(), *arguments(name, rows), **params)
    result = drained(result) if known.streams else result
    outputs = result if isinstance(result, tuple) else (result,)
    return [list(output) for output in outputs]


def drained(pieces):
    """What a generator returns."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return end.value


def same(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


ROWS = st.lists(st.tuples(TEXTS, LENGTHS, st.integers(0, 1000)), min_size=1, max_size=4)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_says_area_verb_and_version_and_is_found_by_it(name):
    assert re.fullmatch(r"[a-z]+\.[a-z]+\.v[1-9]\d*", name)
    assert ops.find(name) is ops.OPS[name]
    assert ops.OPS[name].run.__module__ == f"{ops.PACKAGE}.{name.partition('.')[0]}"
    assert ops.OPS[name].run.__doc__


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_is_annotated(name):
    signature = inspect.signature(ops.OPS[name].run)
    assert next(iter(signature.parameters)) == "tools"
    assert all(p.annotation is not p.empty for p in signature.parameters.values())


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_checked_by_the_program(name):
    known = ops.OPS[name]
    count = max(known.inputs, 1)
    names = tuple(f"x{n}" for n in range(count))
    line = Call(op=name, inputs=names, outputs=("y",), params={"no_such_parameter": 1})
    program = Program(inputs={n: n for n in names}, calls=(line,), outputs={"y": "y"})
    with pytest.raises(Exception, match="unknown parameter"):
        program.check(set(), set())


@pytest.mark.parametrize("name", ROWWISE)
@settings(max_examples=25, deadline=None)
@given(first=ROWS, second=ROWS)
def test_a_rowwise_op_treats_each_row_alone(name, first, second):
    together = call(name, first + second)
    for output, a, b in zip(together, call(name, first), call(name, second), strict=True):
        assert len(output) == len(first) + len(second)
        assert same(output, a + b)


@pytest.mark.parametrize("name", ROWWISE)
def test_a_rowwise_op_gives_nothing_for_nothing(name):
    assert all(output == [] for output in call(name, []))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(rows=ROWS)
def test_an_op_is_pure_and_keeps_the_order_of_rows(name, rows):
    known = ops.OPS[name]
    params = PARAMS.get(name) or {p: PARAM[p] for p in known.params if p in PARAM}
    given_values = arguments(name, rows)
    before = copy.deepcopy(given_values)
    made = known.run(Tools(), *given_values, **params)
    if known.streams:
        drained(made)
    assert all(same(list(a), list(b)) for a, b in zip(given_values, before, strict=True)), "an argument was changed"
    once, again, backwards = call(name, rows), call(name, rows), call(name, rows[::-1])
    for a, b, c in zip(once, again, backwards, strict=True):
        assert len(a) == len(rows)
        assert same(a, b)
        assert same(a, c[::-1])
