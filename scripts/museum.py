"""Make the museum's entry for the bundle format of today: `python scripts/museum.py` writes tests/museum/v<format>/.

An entry is made once, when a format version is new, and committed; it is never made again, because the museum proves
that bundles of the past still load. So an existing entry is left alone. The network is a bag of words whose weights
are written out below: ten words that speak for or against.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from modelworks.bundle import Draft, Licence, record_profile, record_selftest, sessions, write
from modelworks.bundle.manifest import FORMAT
from modelworks.contracts.family import Graph, Resource
from modelworks.contracts.program import Call, Program
from modelworks.kinds import Text

LABELS = ("negative", "positive")
WORDS = {
    "good": 2.0, "great": 3.0, "fine": 1.0, "love": 2.5, "lovely": 2.25, "bad": -2.0, "awful": -3.0, "dull": -1.5,
    "hate": -2.5, "boring": -1.75,
}  # fmt: skip
TEXTS = (
    "a good film", "a bad film", "great, great and lovely", "awful , dull , boring", "I love it", "I hate it , truly",
    "Good but boring and awful at its end", "Fine",
)  # fmt: skip


def program() -> Program:
    """Tokens, padding, the graph, softmax, ranking."""
    return Program(
        inputs={"text": "text"},
        calls=(
            Call(op="text.tokenize.v1", inputs=("text",), outputs=("ids",), resources=("tokenizer",)),
            Call(op="batch.pad.v1", inputs=("ids",), outputs=("padded", "mask")),
            Call(graph="model", inputs=("padded", "mask"), outputs=("logits",)),
            Call(op="scores.softmax.v1", inputs=("logits",), outputs=("probabilities",)),
            Call(op="labels.rank.v1", inputs=("probabilities",), outputs=("label", "score", "ranked"),
                 params={"labels": list(LABELS)}),
        ),
        outputs={"label": "label", "score": "score", "labels": "ranked"},
        length="ids",
    )  # fmt: skip


def tokenizer(path: Path) -> None:
    """A word-level tokenizer.json that lower-cases and splits at white space and punctuation."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    vocabulary = {word: number for number, word in enumerate(["[UNK]", *WORDS])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.save(str(path))


def graph(path: Path) -> None:
    """logits [B, 2] = the sum over the words of an embedding [11, 2], where mask is 1."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.array([[0.0, 0.0], *([-w / 2, w / 2] for w in WORDS.values())], np.float32)
    nodes = [
        helper.make_node("Gather", ["weights", "ids"], ["rows"]),
        helper.make_node("Cast", ["mask"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["float", "last"], ["keep"]),
        helper.make_node("Mul", ["rows", "keep"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "middle"], ["logits"], keepdims=0),
    ]
    constants: list[tuple[str, Any]] = [
        ("weights", weights), ("last", np.array([2], np.int64)), ("middle", np.array([1], np.int64)),
    ]  # fmt: skip
    made = helper.make_graph(
        nodes, "bag",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in ("ids", "mask")],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(value, name) for name, value in constants],
    )  # fmt: skip
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def draft() -> Draft:
    """The manifest but for the files."""
    return Draft(
        name="museum", task="sentiment-analysis", input="text", target="label", prediction="labels", labels=LABELS,
        program=program(), metrics=("accuracy",), provenance={"made by": "scripts/museum.py"},
        graphs=(Graph(name="model", file="graphs/model.onnx", inputs=("ids", "mask"), outputs=("logits",)),),
        resources=(Resource(name="tokenizer", file="resources/tokenizer.json", type="tokenizer"),),
        licences=(Licence(what="weights", licence="Apache-2.0", source="written out in scripts/museum.py"),),
    )  # fmt: skip


def build(folder: Path) -> str:
    """Write the bundle into a folder; its id."""
    for name in ("graphs", "resources"):
        (folder / name).mkdir(parents=True)
    graph(folder / "graphs/model.onnx")
    tokenizer(folder / "resources/tokenizer.json")
    inputs = [Text(text) for text in TEXTS]
    predictions = sessions.interpreter(folder, draft()).run(inputs)
    record_selftest(folder, inputs, predictions)
    record_profile(folder, inputs, predictions)
    return write(folder, draft()).id


if __name__ == "__main__":
    entry = Path(__file__).parent.parent / "tests" / "museum" / f"v{FORMAT}" / "sentiment"
    if entry.exists():
        sys.exit(f"{entry} is there already, and the museum keeps what it has")
    print(build(entry))
