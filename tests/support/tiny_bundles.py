"""Two tiny real bundles: a bag-of-embeddings text classifier and a picture classifier, made with onnx."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from modelworks.bundle import Draft, Interpreter, Limits, open_resources, record_profile, record_selftest, write
from modelworks.bundle.engines.onnx import ENGINE
from modelworks.contracts.family import Graph, Resource
from modelworks.contracts.program import Call, Program
from modelworks.kinds import Image, Text

WORDS = ("a good fine great wonderful bad poor awful dull film plot actor the is was and not very").split()  # noqa: SIM905
LABELS = ("negative", "neutral", "positive")


def _graph(path: Path, inputs, nodes, weights, classes: int = 3) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        nodes, "tiny", inputs, [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [None, classes])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def make_text_bundle(
    folder: Path, *, seed: int = 0, name: str = "tiny", limit: int = 2_000_000, selftest: bool = True,
    profiled: Sequence[str] = (),
) -> Path:  # fmt: skip
    """A text bundle; another seed gives other weights, so other answers and another id. A server runs one without a
    self-test in lanes, since it has nothing to time it with. `profiled`: texts that its profile is taken from."""
    from onnx import TensorProto, helper
    from tokenizers import Tokenizer, models, pre_tokenizers

    folder.mkdir(parents=True)
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    generator = np.random.default_rng(seed)
    weights = {
        "embedding": generator.normal(size=(len(vocabulary), 16)).astype(np.float32),
        "head": generator.normal(size=(16, 3)).astype(np.float32),
        "last": np.array([-1], np.int64),
        "one": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("Gather", ["embedding", "ids"], ["vectors"]),
        helper.make_node("Cast", ["mask"], ["float_mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["float_mask", "last"], ["wide"]),
        helper.make_node("Mul", ["vectors", "wide"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "one"], ["pooled"], keepdims=0),
        helper.make_node("MatMul", ["pooled", "head"], ["logits"]),
    ]
    inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "length"]) for n in ("ids", "mask")]
    _graph(folder / "graphs" / "model.onnx", inputs, nodes, weights)
    program = Program(
        inputs={"text": "text"},
        calls=(
            Call(op="text.limit.v1", inputs=("text",), outputs=("limited",), params={"max_characters": limit}),
            Call(op="text.tokenize.v1", inputs=("limited",), outputs=("rows",), params={"max_length": 64},
                 resources=("tokenizer",)),
            Call(op="batch.pad.v1", inputs=("rows",), outputs=("ids", "mask")),
            Call(graph="model", inputs=("ids", "mask"), outputs=("logits",)),
            Call(op="scores.softmax.v1", inputs=("logits",), outputs=("probabilities",)),
            Call(op="labels.rank.v1", inputs=("probabilities",), outputs=("label", "score", "ranked"),
                 params={"labels": list(LABELS)}),
        ),
        outputs={"label": "label", "score": "score", "labels": "ranked"},
        length="rows",
    )  # fmt: skip
    draft = Draft(
        name=name, task="sentiment-analysis", input="text", target="label", prediction="labels", labels=LABELS,
        program=program, graphs=(Graph(name="model", file="graphs/model.onnx", inputs=("ids", "mask"),
                                       outputs=("logits",)),),
        resources=(Resource(name="tokenizer", file="tokenizer.json", type="tokenizer"),),
        limits=Limits(max_characters=limit),
    )  # fmt: skip
    inputs = [Text("a good film"), Text("bad"), Text("the plot was not very dull and the actor fine"), Text("")]
    _sealed(folder, draft, inputs if selftest else [], [Text(text) for text in profiled])
    return folder


def _sealed(folder: Path, draft: Draft, inputs: list, profiled: Sequence = ()) -> None:
    """Write the bundle with a self-test of its own answers."""
    resources = open_resources(folder, draft.resources)
    graphs = {graph.name: ENGINE(folder / graph.file, graph, draft.runtime) for graph in draft.graphs}
    run = Interpreter(
        draft.program, graphs, resources, entries=draft.graphs, input=draft.input, prediction=draft.prediction
    ).run
    if inputs:
        record_selftest(folder, inputs, [run([value])[0] for value in inputs])
    if profiled:
        record_profile(folder, profiled, run(profiled))
    write(folder, draft)


def picture(seed: int = 0, suffix: str = ".png") -> bytes:
    """A small coloured picture's file."""
    import cv2

    pixels = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), np.uint8)
    return cv2.imencode(suffix, pixels)[1].tobytes()


def make_image_bundle(folder: Path) -> Path:
    """A picture bundle: decode, resize, normalize, mean over the pixels, a linear layer."""
    from onnx import TensorProto, helper

    folder.mkdir(parents=True)
    head = np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["pixels"], ["pooled"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["pooled", "head"], ["logits"]),
    ]
    inputs = [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, 32, 32])]
    _graph(folder / "graphs" / "model.onnx", inputs, nodes, {"head": head})
    program = Program(
        inputs={"image": "image"},
        calls=(
            Call(op="image.decode.v1", inputs=("image",), outputs=("decoded",)),
            Call(op="image.resize.v1", inputs=("decoded",), outputs=("small",), params={"height": 32, "width": 32}),
            Call(op="image.normalize.v1", inputs=("small",), outputs=("rows",),
                 params={"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}),
            Call(op="batch.stack.v1", inputs=("rows",), outputs=("pixels",)),
            Call(graph="model", inputs=("pixels",), outputs=("logits",)),
            Call(op="scores.softmax.v1", inputs=("logits",), outputs=("probabilities",)),
            Call(op="labels.rank.v1", inputs=("probabilities",), outputs=("label", "score", "ranked"),
                 params={"labels": list(LABELS)}),
        ),
        outputs={"label": "label", "score": "score", "labels": "ranked"},
    )  # fmt: skip
    draft = Draft(
        name="tiny-image", task="image-classification", input="image", target="label", prediction="labels",
        labels=LABELS, program=program,
        graphs=(Graph(name="model", file="graphs/model.onnx", inputs=("pixels",), outputs=("logits",)),),
    )  # fmt: skip
    _sealed(folder, draft, [Image(picture(seed)) for seed in range(3)])
    return folder
