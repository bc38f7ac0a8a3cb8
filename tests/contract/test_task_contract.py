"""Every task keeps the contract. A new task is tested as soon as its file lies in `tasks/`, provided that the shape of
its body is known here."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import msgspec
import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from modelworks.bundle import Interpreter
from modelworks.contracts import format as formats
from modelworks.contracts import metric as metrics
from modelworks.contracts import perturbation as perturbations
from modelworks.contracts import task as tasks
from modelworks.contracts.body import LEAVES, READS, Body
from modelworks.contracts.program import Call
from modelworks.core import registry
from modelworks.kinds import KINDS, decode, encode
from modelworks.ops.tree import groups

NAMES = [name for name in registry.names(tasks.PACKAGE) if tasks.find(name).learnt]

_WORDS = (
    Call(op="text.words.v1", inputs=("text",), outputs=("words", "units")),
    Call(op="text.grams.v1", inputs=("words",), outputs=("grams",), params={"buckets": 50}),
)
_TOKENS = (Call(op="tokens.words.v1", inputs=("text", "given"), outputs=("words", "units")), _WORDS[1])
BODIES = {
    "sequence": Body(
        shape="sequence", length="grams", before=_WORDS,
        after=(Call(op="batch.pad.v1", inputs=("grams",), outputs=("x", "mask")),
               Call(graph="model", inputs=("x",), outputs=("logits",))),
    ),
    "token": Body(
        shape="token", length="grams", before=_TOKENS,
        after=(Call(op="graph.windows.v1", inputs=("grams",), outputs=("logits",), graphs=("model",),
                    params={"feeds": ["x"], "size": 4, "stride": 2}),),
    ),
    "sentences": Body(
        shape="sentences", length="units", before=(),
        after=(Call(op="graph.windows.v1", inputs=("units",), outputs=("logits",), graphs=("model",),
                    params={"feeds": ["x"], "size": 4, "stride": 2}),),
    ),
    "seq2seq": Body(
        shape="seq2seq", length="grams", before=_WORDS,
        after=(Call(op="batch.pad.v1", inputs=("grams",), outputs=("x", "mask")),
               Call(graph="model", inputs=("x",), outputs=("written", "candidates", "alignments"))),
    ),
    "causal": Body(
        shape="causal", length="ids",
        before=(Call(op="sampling.prompt.v1", inputs=("text", "messages"), outputs=("prompt",)),
                Call(op="text.subwords.v1", inputs=("prompt",), outputs=("ids", "units"), resources=("tokenizer",))),
        after=(Call(op="sampling.generate.v1", inputs=("prompt", "ids", "units", "sampling"), graphs=("model",),
                    outputs=("written", "finish_reason", "usage", "tokens", "choices"), resources=("tokenizer",),
                    params={"first": [0], "cache": {"vocabulary": 257, "context": 1024, "states": {"ids": [1, 1]}}}),),
    ),
    "tree": Body(
        shape="tree", length="spans",
        before=(Call(op="parse.points.v1", inputs=("text",), outputs=("points", "spans"), params={"buckets": 50}),),
        after=(
            Call(op="graph.windows.v1", inputs=("points",), outputs=("cuts",), graphs=("model",),
                 params={"feeds": ["x"], "size": 512, "stride": 256}),
            Call(op="tokens.segment.v1", inputs=("text", "cuts"), outputs=("tokens", "words", "forms", "sentences")),
            Call(op="tokens.segment.v1", inputs=("text", "cuts"), outputs=("same", "too", "lemmas", "again")),
            Call(op="parse.shapes.v1", inputs=("forms",), outputs=("shapes",)),
            Call(op="parse.sentences.v1", inputs=("tokens", "sentences", "shapes"), graphs=("model",),
                 outputs=("upos", "xpos", "feats", "scripts", "heads", "deprel"),
                 params={"feeds": ["y"], "root": None, "graph": "model", "relations": "model"}),
        ),
    ),
    "span": Body(
        shape="span", length="units",
        before=(
            Call(op="text.words.v1", inputs=("question",), outputs=("spelled", "asked")),
            Call(op="text.words.v1", inputs=("context",), outputs=("words", "units")),
        ),
        after=(
            Call(op="graph.windows.v1", inputs=("units",), outputs=("logits",), graphs=("model",),
                 params={"feeds": ["x"], "size": 8, "stride": 4}),
            Call(op="graph.windows.v1", inputs=("asked",), outputs=("nothing",), graphs=("model",),
                 params={"feeds": ["asked"], "size": 64, "stride": 32}),
        ),
    ),
    "image": Body(
        shape="image", before=(
            Call(op="image.decode.v1", inputs=("image",), outputs=("decoded",)),
            Call(op="image.resize.v1", inputs=("decoded",), outputs=("resized",), params={"height": 8, "width": 8})),
        after=(Call(op="batch.stack.v1", inputs=("resized",), outputs=("x",)),
               Call(graph="model", inputs=("x",), outputs=("logits",))),
    ),
}  # fmt: skip


@pytest.fixture(params=NAMES)
def task(request):
    return tasks.find(request.param)


@pytest.fixture
def labels(task):
    return sorted({label for example in task.example() for label in example.target.labels()})


_BY_UNIT = ("token", "sentences", "span")
"""Shapes whose logits are one row for each unit of a text."""


_WIDTHS = {"span": 2}


def interpreter(task, labels, graph):
    assert task.shape in BODIES, f"tell this suite a body of shape {task.shape}"
    program = task.program(labels, BODIES[task.shape])
    resources = {"tokenizer": byte_tokenizer()} if task.shape == "causal" else {}
    program.check({"model"}, set(resources))
    return Interpreter(program, {"model": graph}, resources, input=task.input, prediction=task.prediction)


def byte_tokenizer():
    """Number 0, which spells nothing, then a number for each byte."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({"<|edge|>": 0, **{letter: n for n, letter in enumerate(letters, 1)}}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|edge|>"])
    return tokenizer


def _writes(chances):
    """A decoder's graph; it keeps how much it read. `chances` gives logits for (first position, length)."""

    def run(feeds):
        past, read = feeds["past.ids"], feeds["input_ids"]
        present = np.concatenate([past, np.zeros((1, 1, read.shape[1], 1), np.float32)], 2)
        return {"logits": chances(past.shape[2], read.shape[1])[None], "present.ids": present}

    return run


def _wrote(text):
    """The end of a body that writes: always the same text, which goes back to the first letter."""

    def run(feeds):
        line = [{"start": 0, "end": 4, "source_start": 0, "source_end": 1}]
        rows = len(feeds["x"])
        candidates = [{"text": text, "score": 0.5}, {"text": "drei", "score": 0.25}]
        return {"written": [text] * rows, "candidates": [candidates] * rows, "alignments": [line] * rows}

    return run


def answers(task, labels):
    """Predictions for the task's examples by a network that knows nothing."""
    width = len(task.classes(labels)) or _WIDTHS.get(task.shape, 1)

    if task.shape == "causal":
        knows_nothing = _writes(lambda at, count: np.random.default_rng(at).normal(size=(count, 257)).astype("f4"))
        return interpreter(task, labels, knows_nothing).run([example.input for example in task.example()])
    if task.shape == "seq2seq":
        return interpreter(task, labels, _wrote("eins zwei")).run([example.input for example in task.example()])
    if task.shape == "tree":
        return interpreter(task, labels, _babbles(labels)).run([example.input for example in task.example()])

    def run(feeds):
        (given,) = feeds.values()
        shape = (*given.shape[:2], width) if task.shape in _BY_UNIT else (len(given), width)
        return {"logits": np.random.default_rng(0).normal(0, 3, shape).astype(np.float32)}

    return interpreter(task, labels, run).run([example.input for example in task.example()])


def test_its_name_is_the_files_and_aliases_are_its_own(task):
    assert task.name in NAMES
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", task.name)
    others = {alias for name in NAMES if name != task.name for alias in (name, *tasks.find(name).aliases)}
    assert not others & {task.name, *task.aliases}
    assert all(tasks.find(alias) is task for alias in task.aliases)
    assert task.summary.endswith(".")


def test_everything_it_names_exists(task):
    assert {task.input, task.target, task.prediction} <= set(KINDS)
    assert set(task.formats) <= set(registry.names(formats.PACKAGE))
    assert {name.replace("_", "-") for name in task.metrics} <= set(registry.names(metrics.PACKAGE))
    package = "modelworks.stages.evaluate.perturbations"
    for name in task.perturbations:
        change: perturbations.Perturbation = registry.leaf(package, name, "PERTURBATION")
        assert change.input == task.input or (change.input == "text" and task.example()[0].input.prose())
    assert task.metrics


def test_examples_are_a_dozen_sound_and_always_the_same(task):
    examples = task.example()
    assert len(examples) >= 10
    assert len({example.id for example in examples}) == len(examples)
    labels = {label for example in examples for label in example.target.labels()}
    assert len(labels) >= 2 or not task.classes(())
    for example in examples:
        for value, kind in ((example.input, task.input), (example.target, task.target)):
            value.check()
            assert value.name == kind
            assert decode(kind, encode(value)) == value
    assert examples == task.example()


def test_its_program_reads_and_leaves_what_the_kinds_hold(task, labels):
    body = BODIES[task.shape]
    program = task.program(labels, body)
    program.check({"model"}, {"tokenizer"})
    fields = {f.encode_name for f in msgspec.structs.fields(KINDS[task.input])}
    assert set(program.inputs.values()) <= fields
    columns = msgspec.structs.fields(KINDS[task.prediction])
    assert {f.encode_name for f in columns if f.required} <= set(program.outputs) <= {f.encode_name for f in columns}
    before, _ = program.split()
    assert {name for call in body.before for name in call.outputs} <= {name for call in before for name in call.outputs}
    assert program.length == body.length
    known = {*program.inputs, *(name for call in program.calls for name in call.outputs)}
    assert {*READS[task.shape], *LEAVES[task.shape]} <= known


def test_predictions_of_a_network_that_knows_nothing_are_sound(task, labels):
    predictions = answers(task, labels)
    assert len(predictions) == len(task.example())
    for prediction in predictions:
        prediction.check()
        assert prediction.name == task.prediction
        assert set(prediction.labels()) <= set(labels)
        assert decode(task.prediction, encode(prediction)) == prediction
    again = answers(task, labels)
    assert [encode(a) for a in again] == [encode(b) for b in predictions]


def test_a_network_that_says_what_encode_says_gets_the_best_score(task, labels):
    """Encoding and the program's end are inverse to each other."""
    width, examples = len(task.classes(labels)), task.example()
    primary = metrics.find(task.metrics[0])
    statistics = []
    for example in examples:
        plain = interpreter(task, labels, lambda feeds: {})
        (row,) = plain.rowwise([example.input])
        encoded = task.encode(example.target, row, labels)
        wanted = encoded["references" if task.shape == "seq2seq" else "labels"]
        if task.shape == "seq2seq":  # texts, which the family numbers
            assert wanted == example.target.references
        elif task.shape == "causal":  # the numbers of its tokens
            assert wanted.tolist() == row["ids"].tolist()
        elif task.shape == "span":  # the units in which the answer begins and ends
            assert wanted.shape == (2,)
            assert wanted.dtype == np.int64
        elif not width:  # how good each unit is
            assert wanted.dtype == np.float32
            assert len(wanted) == len(row["units"])
        elif wanted.dtype == np.float32:  # yes or no for each class
            assert wanted.shape == (width,)
            assert np.isin(wanted, [0, 1]).all()
        else:
            assert wanted.dtype == np.int64
            assert ((wanted == -100) | ((wanted >= 0) & (wanted < width))).all()
        graph = SAYS.get(task.shape, _says)({**row, **encoded}, wanted, width)
        (prediction,) = interpreter(task, labels, graph).run([example.input])
        statistics.append(primary.statistics(example.target, prediction, labels, example.input))
    best = primary.ceiling if primary.higher_is_better else primary.floor
    assert primary.score(statistics, np.ones((1, len(examples))))[0] == pytest.approx(best)


def _babbles(labels):
    """A parser's three graphs, which know nothing."""
    sizes, generator = {layer: len(names) for layer, names in groups(labels).items()}, np.random.default_rng(0)

    def run(feeds):
        if "x" in feeds:
            return {"logits": generator.normal(0, 3, (*feeds["x"].shape[:2], 6)).astype(np.float32)}
        if "dependents" in feeds:
            return {"logits": generator.normal(0, 3, (len(feeds["dependents"]), sizes["deprel"]))}
        batch, length = feeds["attention_mask"].shape
        layers = {layer: generator.integers(0, sizes[layer], (batch, length)) for layer in ("upos", "xpos", "feats")}
        return _parsed(layers, generator.normal(0, 3, (batch, length + 1, length + 1)))

    return run


def _parsed(layers, arcs):
    pairs = np.zeros((*arcs.shape[:2], 1), dtype=np.float32)
    return {**layers, "scripts": layers["upos"], "arcs": arcs, "dependents": pairs, "governors": pairs}


def _says_tree(row, wanted, width):
    """The right segmentation and tree of a text that is one sentence."""
    count = len(row["heads"])

    def run(feeds):
        if "x" in feeds:
            return {"logits": np.eye(6)[wanted][None] * 20}
        if "dependents" in feeds:
            return {"logits": np.resize(np.eye(width)[row["deprel"]], (len(feeds["dependents"]), width))}
        batch, length = feeds["attention_mask"].shape
        layers = {layer: np.zeros((batch, length), np.int64) for layer in ("upos", "xpos", "feats")}
        arcs = np.zeros((batch, length + 1, length + 1))
        arcs[:, np.arange(1, count + 1), row["heads"]] = 20
        for layer, values in layers.items():
            values[:, :count] = row[layer]
        return _parsed(layers, arcs)

    return run


def _says(row, wanted, width):
    if wanted.dtype == np.float32:
        return lambda feeds: {"logits": (wanted[None] - 0.5) * 40}
    return lambda feeds: {"logits": np.eye(width, dtype=np.float32)[[int(wanted)]] * 20}


def _says_tokens(row, wanted, width):
    """The right logits for each unit, found again by its features: windows come in any order."""
    known = {}
    for features, tag in zip(row["grams"], wanted, strict=True):
        known.setdefault(features.tobytes(), tag)

    def run(feeds):
        logits = np.zeros((*feeds["x"].shape[:2], width), dtype=np.float32)
        for n, window in enumerate(feeds["x"]):
            for t, features in enumerate(window):
                logits[n, t, max(known.get(features.tobytes(), 0), 0)] = 20
        return {"logits": logits}

    return run


def _says_sentences(row, wanted, width):
    """How good each sentence is, found again by its offsets."""
    known = {features.tobytes(): gain for features, gain in zip(row["units"], wanted, strict=True)}
    return lambda feeds: {
        "logits": np.array([[[20 * known.get(place.tobytes(), 0)] for place in window] for window in feeds["x"]], "f4")
    }


def _says_span(row, wanted, width):
    """Where the answer begins and ends, found again by offsets; or that there is none, beside the question."""
    edges = [row["units"][place].tobytes() if place >= 0 else b"" for place in wanted.tolist()]

    def run(feeds):
        (name, given), none = *feeds.items(), not edges[0]
        if name == "asked":
            return {"logits": np.full((*given.shape[:2], 2), 20.0 if none else -20.0)}
        return {
            "logits": np.array(
                [[[20.0 * (place.tobytes() == edge) for edge in edges] for place in row] for row in given]
            )
        }

    return run


def _says_next(row, wanted, width):
    """Each token after those before it."""
    logits = np.eye(257, dtype="f4")[np.append(wanted, 0)] * 60
    return _writes(lambda at, count: logits[at : at + count])


SAYS = {
    "seq2seq": lambda row, wanted, width: _wrote(wanted[0]),
    "causal": _says_next,
    "span": _says_span,
    "token": _says_tokens,
    "sentences": _says_sentences,
    "tree": _says_tree,
}
"""A graph that says what `encode` says, by shape of the body."""


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.names, self.open = set(), []

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_it_renders_any_of_input_target_and_prediction(task, labels):
    for example, prediction in zip(task.example(), answers(task, labels), strict=True):
        for target in (None, example.target):
            for found in (None, prediction):
                html = task.render(example.input, target, found)
                parser = _Tags()
                parser.feed(html)
                assert not parser.open
                assert "<script" not in html


HOSTILE = "<script>alert(1)</script>\"'&"


def _hostile(value):
    """The same value with every string in it replaced by an attempt to break out of HTML."""
    plain = msgspec.to_builtins(value)

    def spoil(part, key=""):
        if isinstance(part, dict):
            return {k: spoil(v, k) for k, v in part.items()}
        if isinstance(part, (list, tuple)):
            return [spoil(v, key) for v in part]
        return HOSTILE if isinstance(part, str) and key not in ("image", "finish_reason") else part

    return msgspec.convert(spoil(plain), type(value))


def test_everything_it_renders_is_escaped(task, labels):
    example, prediction = task.example()[0], answers(task, labels)[0]
    html = task.render(_hostile(example.input), _hostile(example.target), _hostile(prediction))
    assert "<script" not in html
    assert "\"'&<" not in html
    assert "alert" in html
