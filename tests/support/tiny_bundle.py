"""A tiny real bundle: one word is worth one logit, so that tests can plant any answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

WORDS = ("good", "fine", "bad", "awful", "film", "plot", "the", "not")
WORTH = (2.0, 1.0, -2.0, -1.0, 0.2, -0.2, 0.05, -0.5)
LABELS = ("negative", "positive")


def make_bundle(folder: Path, *, shift: float = 0.0, wide: int = 16, batch: int = 32) -> Path:
    """A text classifier that sums the worth of its words, through a matrix of `wide` columns; `shift` moves every
    answer towards positive."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    from modelworks.bundle import Draft, Runtime, sessions, write
    from modelworks.bundle.selftest import record_selftest
    from modelworks.contracts.family import Graph, Resource
    from modelworks.contracts.program import Call, Program
    from modelworks.kinds import Text

    (folder / "graphs").mkdir(parents=True)
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    _graph(folder / "graphs" / "model.onnx", shift, wide)
    program = Program(
        inputs={"text": "text"},
        calls=(
            Call(op="text.tokenize.v1", inputs=("text",), outputs=("rows",), params={"max_length": 64},
                 resources=("tokenizer",)),
            Call(op="batch.pad.v1", inputs=("rows",), outputs=("ids", "mask")),
            Call(graph="model", inputs=("ids", "mask"), outputs=("logits",)),
            Call(op="scores.softmax.v1", inputs=("logits",), outputs=("p",)),
            Call(op="labels.rank.v1", inputs=("p",), outputs=("label", "score", "ranked"),
                 params={"labels": list(LABELS)}),
        ),
        outputs={"label": "label", "score": "score", "labels": "ranked"},
        length="rows",
    )  # fmt: skip
    draft = Draft(
        name="tiny", task="sentiment-analysis", input="text", target="label", prediction="labels", labels=LABELS,
        program=program, metrics=("accuracy",), runtime=Runtime(batch=batch),
        graphs=(Graph(name="model", file="graphs/model.onnx", inputs=("ids", "mask"), outputs=("logits",)),),
        resources=(Resource(name="tokenizer", file="tokenizer.json", type="tokenizer"),),
    )  # fmt: skip
    inputs = [Text("good film"), Text("bad plot")]
    record_selftest(folder, inputs, sessions.interpreter(folder, draft).run(inputs))
    write(folder, draft)
    return folder


def _graph(path: Path, shift: float, wide: int) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    worth = np.array([0.0, 0.0, *WORTH], np.float32)
    embedding = np.zeros((len(worth), wide), np.float32)
    embedding[:, 0] = worth
    mix = np.eye(wide, dtype=np.float32)
    head = np.zeros((wide, 2), np.float32)
    head[0] = (-1.0, 1.0)
    weights = {
        "embedding": embedding, "mix": mix, "head": head, "bias": np.array([-shift, shift], np.float32),
        "last": np.array([-1], np.int64), "one": np.array([1], np.int64),
    }  # fmt: skip
    nodes = [
        helper.make_node("Gather", ["embedding", "ids"], ["vectors"]),
        helper.make_node("Cast", ["mask"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["floats", "last"], ["column"]),
        helper.make_node("Mul", ["vectors", "column"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "one"], ["pooled"], keepdims=0),
        helper.make_node("MatMul", ["pooled", "mix"], ["mixed"]),
        helper.make_node("MatMul", ["mixed", "head"], ["raw"]),
        helper.make_node("Add", ["raw", "bias"], ["logits"]),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in ("ids", "mask")]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])]
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
