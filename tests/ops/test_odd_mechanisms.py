"""The three oddest mechanisms that later tasks need, carried by the Program contract as it is, in real bundles:
iteration over a graph inside an op, a resource that is an index, and state across calls.

The ops here are the tests' own (area `odd`): nothing of them ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import planted_ops
import pytest
from onnx import TensorProto, helper, numpy_helper

from modelworks.bundle import Draft, Interpreter, Predictor, write
from modelworks.contracts import op as ops
from modelworks.contracts.family import Graph, Resource
from modelworks.contracts.program import Call, Program
from modelworks.core.errors import BundleError
from modelworks.kinds import Text

LETTERS = "abcde"
STOP = 0


@pytest.fixture(autouse=True, scope="module")
def vocabulary():
    """The ops of this file, in the vocabulary for as long as it runs."""
    with planted_ops.own():
        ops.op("odd.ids.v1", rowwise=True)(letter_ids)
        ops.op("odd.greedy.v1")(greedy)
        ops.op("odd.embed.v1", rowwise=True)(embed)
        ops.op("odd.nearest.v1")(nearest)
        ops.op("odd.points.v1", rowwise=True)(points)
        ops.op("odd.track.v1")(track)
        yield


def bundle(folder: Path, program: Program, **parts) -> Path:
    draft = Draft(
        name="odd", task="odd", input="text", target="text", prediction="text", labels=(), program=program,
        **{"graphs": (), **parts},
    )  # fmt: skip
    write(folder, draft)
    return folder


# 1. An op that iterates over a graph, feeding its state back: greedy decoding.


def letter_ids(tools, texts):
    return [np.array([LETTERS.index(c) for c in text if c in LETTERS], dtype=np.int64) for text in texts]


def greedy(tools, starts, *, graph, longest):
    """Starts [T] -> the text a decoder goes on with: each step takes the best letter, until STOP."""
    token = np.array([row[-1] for row in starts], dtype=np.int64)
    state = np.zeros((len(starts), len(LETTERS)), dtype=np.float32)
    said, running = [""] * len(starts), np.ones(len(starts), dtype=bool)
    for _ in range(longest):
        answer = tools.run(graph, {"token": token, "state": state})
        token, state = answer["logits"].argmax(axis=1), answer["next"]
        running &= token != STOP
        said = [text + LETTERS[letter] * bool(on) for text, letter, on in zip(said, token, running, strict=True)]
        if not running.any():
            break
    return said


def decoder(path: Path) -> np.ndarray:
    """A recurrent decoder: next = tanh(state + embedding[token]), logits = next @ head. Returns its two matrices."""
    generator = np.random.default_rng(3)
    embedding, head = generator.normal(size=(2, len(LETTERS), len(LETTERS))).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["embedding", "token"], ["vector"]),
        helper.make_node("Add", ["state", "vector"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["next"]),
        helper.make_node("MatMul", ["next", "head"], ["logits"]),
    ]
    size = len(LETTERS)
    inputs = [
        helper.make_tensor_value_info("token", TensorProto.INT64, ["batch"]),
        helper.make_tensor_value_info("state", TensorProto.FLOAT, ["batch", size]),
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size]) for name in ("logits", "next")]
    tensors = [numpy_helper.from_array(embedding, "embedding"), numpy_helper.from_array(head, "head")]
    graph = helper.make_graph(nodes, "decoder", inputs, outputs, tensors)
    path.parent.mkdir(parents=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return np.stack([embedding, head])


def generation() -> Program:
    return Program(
        inputs={"text": "text"},
        calls=(
            Call(op="odd.ids.v1", inputs=("text",), outputs=("ids",)),
            Call(op="odd.greedy.v1", inputs=("ids",), outputs=("said",), graphs=("decoder",),
                 params={"graph": "decoder", "longest": 12}),
        ),
        outputs={"text": "said"},
        length="ids",
    )  # fmt: skip


def by_hand(text: str, embedding: np.ndarray, head: np.ndarray) -> str:
    token, state, said = LETTERS.index(text[-1]), np.zeros(len(LETTERS), np.float32), ""
    for _ in range(12):
        state = np.tanh(state + embedding[token])
        token = int((state @ head).argmax())
        if token == STOP:
            break
        said += LETTERS[token]
    return said


def test_an_op_iterates_over_a_graph_and_feeds_its_state_back(tmp_path):
    matrices = decoder(tmp_path / "graphs" / "decoder.onnx")
    graph = Graph(name="decoder", file="graphs/decoder.onnx", inputs=("token", "state"), outputs=("logits", "next"))
    predictor = Predictor.open(bundle(tmp_path, generation(), graphs=(graph,)))
    texts = ["a", "bb", "c", "d", "e"]
    found = [answer.text for answer in predictor.predict([Text(text) for text in texts])]
    assert found == [by_hand(text, *matrices) for text in texts]
    assert len(set(map(len, found))) > 1  # rows stop at different steps


def test_a_plain_function_serves_as_graph_as_it_does_in_training():
    def count_down(feeds):
        following = np.maximum(feeds["token"] - 1, 0)
        return {"logits": np.eye(len(LETTERS))[following], "next": feeds["state"]}

    interpreter = Interpreter(generation(), {"decoder": count_down}, {}, input="text", prediction="text")
    assert [answer.text for answer in interpreter.run([Text("e"), Text("c")])] == ["dcb", "b"]


def test_an_op_reaches_no_graph_that_its_call_does_not_declare():
    program = generation()
    call = Call(op="odd.greedy.v1", inputs=("ids",), outputs=("said",), params={"graph": "decoder", "longest": 1})
    hidden = Program(inputs=program.inputs, calls=(program.calls[0], call), outputs=program.outputs)
    interpreter = Interpreter(hidden, {"decoder": None}, {}, input="text", prediction="text")
    with pytest.raises(BundleError, match="does not declare"):
        interpreter.run([Text("a")])


# 2. A resource that is an index: nearest neighbours among the rows of an .npy.


def embed(tools, texts):
    return [np.array([text.count(letter) for letter in LETTERS], dtype=np.float32) for text in texts]


def nearest(tools, vectors, *, index, names):
    rows, known = tools.resource(index), tools.resource(names)
    distances = ((np.stack(vectors)[:, None] - rows[None]) ** 2).sum(axis=-1)
    return [known[place] for place in distances.argmin(axis=1)]


def test_a_resource_of_the_bundle_is_an_index(tmp_path):
    names = ["all a", "all b", "mixed"]
    np.save(tmp_path / "index.npy", np.array([[3, 0, 0, 0, 0], [0, 3, 0, 0, 0], [1, 1, 1, 1, 1]], dtype=np.float32))
    (tmp_path / "names.txt").write_text("\n".join(names), "utf-8")
    program = Program(
        inputs={"text": "text"},
        calls=(
            Call(op="odd.embed.v1", inputs=("text",), outputs=("vector",)),
            Call(op="odd.nearest.v1", inputs=("vector",), outputs=("name",), resources=("index", "names"),
                 params={"index": "index", "names": "names"}),
        ),
        outputs={"text": "name"},
    )  # fmt: skip
    resources = (
        Resource(name="index", file="index.npy", type="array"), Resource(name="names", file="names.txt", type="lines")
    )  # fmt: skip
    predictor = Predictor.open(bundle(tmp_path, program, resources=resources))
    found = predictor.predict([Text("aaaa"), Text("abcde"), Text("bb")])
    assert [answer.text for answer in found] == ["all a", "mixed", "all b"]


# 3. State across calls: tracks keep their numbers while things move.


def points(tools, texts):
    """`x,y x,y …` -> float64 [n, 2]."""
    return [np.array([list(map(float, pair.split(","))) for pair in text.split()]).reshape(-1, 2) for text in texts]


def track(tools, frames, tracks, *, reach):
    """Each row is a frame. A point within `reach` of a track's last place takes its number, else a new one."""
    places, count = tracks or ({}, 0)
    told = []
    for frame in frames:
        free, now, numbers = dict(places), {}, []
        for point in frame:
            near = [n for n, place in free.items() if np.linalg.norm(point - place) <= reach]
            number = min(near, key=lambda n: np.linalg.norm(point - free[n])) if near else count
            count = max(count, number + 1)
            free.pop(number, None)
            now[number] = point
            numbers.append(str(number))
        places = now
        told.append(" ".join(numbers))
    return told, (places, count)


def tracking() -> Program:
    return Program(
        inputs={"text": "text"},
        calls=(
            Call(op="odd.points.v1", inputs=("text",), outputs=("frame",)),
            Call(op="odd.track.v1", inputs=("frame", "tracks"), outputs=("numbers", "later"), params={"reach": 2.0}),
        ),
        outputs={"text": "numbers"},
        state={"tracks": "later"},
    )


def test_a_session_carries_state_from_call_to_call(tmp_path):
    predictor = Predictor.open(bundle(tmp_path, tracking()))
    frames = [Text("0,0 10,10"), Text("10,9 1,1"), Text("2,2 50,50"), Text("51,50")]
    session, other = predictor.session(), predictor.session()
    found = [session.predict([frame])[0].text for frame in frames]
    assert found == ["0 1", "1 0", "0 2", "2"]
    assert other.predict([frames[3]])[0].text == "0"  # sessions know nothing of each other
    assert session.predict([Text("51,51")])[0].text == "2"


def test_one_call_with_many_frames_is_many_calls_with_one(tmp_path):
    predictor = Predictor.open(bundle(tmp_path, tracking()))
    frames = [Text("0,0 10,10"), Text("10,9 1,1"), Text("2,2 50,50")]
    session = predictor.session()
    assert predictor.session().predict(frames) == [session.predict([frame])[0] for frame in frames]
    assert predictor.predict(frames) == predictor.predict(frames)  # without a session every call begins anew
