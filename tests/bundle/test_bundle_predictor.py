"""The Predictor: order, batches, limits, threads, streams, sessions; and an op that iterates over a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import planted_ops
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.bundle import Interpreter, Predictor, company, pack
from modelworks.contracts.family import Graph
from modelworks.contracts.op import op
from modelworks.contracts.program import Call, Program
from modelworks.core.errors import BundleError, RequestError
from modelworks.kinds import Image, Text, encode

WORDS = ("good", "bad", "great", "awful", "film", "a", "the", "boring", "love", "🎬", "naïve")
texts = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)


@pytest.fixture(scope="module")
def predictor(made: Path) -> Predictor:
    return Predictor.open(made)


@settings(max_examples=60, deadline=None)
@given(given_texts=st.lists(texts, min_size=1, max_size=80))
def test_the_same_bytes_alone_in_a_batch_and_in_a_stream(predictor: Predictor, given_texts: list[str]) -> None:
    inputs = [Text(text) for text in given_texts]
    alone = [encode(predictor.predict([value])[0]) for value in inputs]
    assert [encode(p) for p in predictor.predict(inputs)] == alone
    assert [encode(p) for p in predictor.predict_iter(inputs, window=7, lanes=2)] == alone
    mixed = [row for value in inputs for row in predictor.prepare([value])]
    assert [encode(p) for p in predictor.finish(mixed)] == alone


def test_batches_keep_to_the_cap_and_the_budget(predictor: Predictor) -> None:
    inputs = [Text("good " * n) for n in (500, 1, 900, 2, 700, 3, 3000, *([4] * 70))]
    rows = predictor.prepare(inputs)
    batches = list(predictor.batches(rows))
    runtime = predictor.manifest.runtime
    assert sorted(i for batch in batches for i in batch) == list(range(len(rows)))
    for batch in batches:
        longest = max(rows[i].length for i in batch)
        assert len(batch) <= runtime.batch
        assert len(batch) == 1 or len(batch) * longest <= runtime.budget
    assert [6] in batches, "a row beyond the budget goes alone"


def test_nothing_in_nothing_out(predictor: Predictor) -> None:
    assert predictor.predict([]) == []
    assert predictor.finish([]) == []
    assert list(predictor.predict_iter([])) == []


def test_a_stream_is_read_a_few_windows_ahead_only(predictor: Predictor) -> None:
    read = 0

    def endless() -> Iterator[Text]:
        nonlocal read
        while True:
            read += 1
            yield Text("good")

    stream = predictor.predict_iter(endless(), window=10, lanes=2)
    assert next(stream).labels() == ("positive",)
    assert read <= 40
    stream.close()


def test_threads_share_one_predictor(predictor: Predictor) -> None:
    expected = predictor.predict([Text("a great film"), Text("a bad film")])
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: predictor.predict([Text("a great film"), Text("a bad film")]), range(200)))
    assert all(answer == expected for answer in found)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_of_a_graph_call_do_not_change_answers(made: Path, predictor: Predictor, threads: int) -> None:
    assert Predictor.open(made, threads=threads).predict([Text("good")]) == predictor.predict([Text("good")])


def test_too_large_inputs_are_refused_and_the_place_is_told(predictor: Predictor) -> None:
    with pytest.raises(RequestError, match="too large") as caught:
        predictor.predict([Text("ok"), Text("x" * 1_000_000)])
    assert (caught.value.status, caught.value.where) == (413, "input 1")
    assert "1000000 characters" in str(caught.value)


def test_another_kind_is_refused(predictor: Predictor) -> None:
    with pytest.raises(RequestError, match="another kind") as caught:
        predictor.predict([Image(b"x")])
    assert (caught.value.seen, caught.value.allowed) == ("image", ("text",))


def test_image_bombs_are_refused_from_their_header() -> None:
    from modelworks.bundle.manifest import Limits
    from modelworks.bundle.predictor import check_input

    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (60_000).to_bytes(4, "big") * 2 + bytes(9)
    with pytest.raises(RequestError, match="too large") as caught:
        check_input(Image(png), "image", Limits(), "input 0")
    assert "3600000000 pixels" in str(caught.value)
    with pytest.raises(RequestError, match="too large"):
        check_input(Image(bytes(11)), "image", Limits(max_bytes=10), "input 0")
    with pytest.raises(RequestError, match="empty"):
        check_input(Image(b""), "image", Limits(), "input 0")


def test_the_files_of_a_zip_live_as_long_as_its_predictor(made: Path, tmp_path: Path) -> None:
    pack(made, tmp_path / "a.zip")
    predictor = Predictor.open(tmp_path / "a.zip")
    folder = predictor.folder
    assert (folder / "graphs/model.onnx").is_file()
    del predictor
    assert not folder.exists()


def test_nothing_is_left_of_a_zip_that_is_refused(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pack(made, tmp_path / "a.zip")
    with pytest.raises(BundleError, match="not signed"):
        Predictor.open(tmp_path / "a.zip", require_signature=tmp_path / "key")
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


# Mechanisms that tasks of other shapes need, over graphs that are plain functions.


@pytest.fixture
def vocabulary() -> Iterator[Callable[..., Any]]:
    """Register ops for one test."""
    with planted_ops.own():
        yield op


def interpreter(program: Program, graphs: dict[str, Any], **more: Any) -> Interpreter:
    program.check(set(graphs), set(more.get("resources", {})))
    return Interpreter(program, graphs, more.pop("resources", {}), input="text", prediction="labels", **more)


OUT = {"label": "label", "score": "score", "labels": "all"}


def test_an_op_iterates_over_a_graph_and_reads_a_resource(vocabulary: Callable[..., Any]) -> None:
    @vocabulary("test.double.v1")
    def double(tools: Any, texts: list[str], *, times: int) -> Any:
        value = np.array([len(text) for text in texts], np.float32)
        for _ in range(times):
            value = tools.run("twice", {"x": value})["y"]
        return [tools.resource("names")[0]] * len(texts), value.tolist(), [()] * len(texts)

    call = Call(
        op="test.double.v1", inputs=("text",), outputs=("label", "score", "all"), params={"times": 3},
        graphs=("twice",), resources=("names",),
    )  # fmt: skip
    program = Program(inputs={"text": "text"}, calls=(call,), outputs=OUT)
    run = interpreter(program, {"twice": lambda feeds: {"y": feeds["x"] * 2}}, resources={"names": ["n"]}).run
    assert [p.score for p in run([Text("ab"), Text("abc")])] == [16.0, 24.0]


def test_an_op_reaches_only_what_its_call_declares(vocabulary: Callable[..., Any]) -> None:
    @vocabulary("test.reach.v1")
    def reach(tools: Any, texts: list[str]) -> Any:
        return tools.run("secret", {})

    call = Call(op="test.reach.v1", inputs=("text",), outputs=("label", "score", "all"))
    program = Program(inputs={"text": "text"}, calls=(call,), outputs=OUT)
    with pytest.raises(BundleError, match="does not declare"):
        interpreter(program, {"secret": lambda feeds: feeds}).run([Text("a")])


def stateful(vocabulary: Callable[..., Any]) -> Interpreter:
    @vocabulary("test.remember.v1", rowwise=True)
    def remember(tools: Any, texts: list[str], before: list[str] | None) -> Any:
        seen = [*(before or ()), *texts]
        return [texts[0]] * len(texts), [float(len(seen))] * len(texts), [()] * len(texts), seen

    call = Call(op="test.remember.v1", inputs=("text", "before"), outputs=("label", "score", "all", "after"))
    return interpreter(Program(inputs={"text": "text"}, calls=(call,), outputs=OUT, state={"before": "after"}), {})


def test_a_session_keeps_state_and_sessions_do_not_mix(vocabulary: Callable[..., Any], made: Path) -> None:
    import msgspec

    from modelworks.bundle import open_manifest

    run = stateful(vocabulary)
    manifest = msgspec.structs.replace(open_manifest(made), program=run.program)
    predictor = Predictor(manifest, run, made)
    first, second = predictor.session(), predictor.session()
    assert [first.predict([Text("a")])[0].score for _ in range(3)] == [1.0, 2.0, 3.0]
    assert second.predict([Text("b"), Text("c")])[0].score == 2.0
    assert predictor.predict([Text("d")])[0].score == 1.0, "without a session nothing is kept"
    assert [p.score for p in predictor.predict_iter([Text("x")] * 3, window=1)] == [1.0, 2.0, 3.0]


def test_dead_variables_are_freed(vocabulary: Callable[..., Any]) -> None:
    alive: list[int] = []

    class Big(list):  # type: ignore[type-arg]
        def __del__(self) -> None:
            alive.append(-1)

    @vocabulary("test.big.v1")
    def big(tools: Any, texts: list[str]) -> Any:
        return Big([0] * len(texts))

    @vocabulary("test.use.v1")
    def use(tools: Any, values: Any) -> Any:
        return [1.0] * len(values)

    @vocabulary("test.end.v1")
    def end(tools: Any, scores: Any) -> Any:
        assert alive == [-1], "the big variable is gone before the next call"
        return ["x"] * len(scores), scores, [()] * len(scores)

    calls = (
        Call(op="test.big.v1", inputs=("text",), outputs=("big",)),
        Call(op="test.use.v1", inputs=("big",), outputs=("used",)),
        Call(op="test.end.v1", inputs=("used",), outputs=("label", "score", "all")),
    )
    run = interpreter(Program(inputs={"text": "text"}, calls=calls, outputs=OUT), {}).run
    assert run([Text("a")])[0].label == "x"


def test_graphs_are_fed_by_position_in_the_order_of_their_entry(vocabulary: Callable[..., Any]) -> None:
    @vocabulary("test.pair.v1")
    def pair(tools: Any, texts: list[str]) -> Any:
        return np.array([len(t) for t in texts]), np.array([1 for _ in texts])

    @vocabulary("test.tell.v1")
    def tell(tools: Any, difference: Any) -> Any:
        return ["x"] * len(difference), difference.astype(float).tolist(), [()] * len(difference)

    calls = (
        Call(op="test.pair.v1", inputs=("text",), outputs=("a", "b")),
        Call(graph="minus", inputs=("b", "a"), outputs=("d",)),
        Call(op="test.tell.v1", inputs=("d",), outputs=("label", "score", "all")),
    )
    program = Program(inputs={"text": "text"}, calls=calls, outputs=OUT)
    entry = Graph(name="minus", file="graphs/m.onnx", inputs=("left", "right"), outputs=("out",))
    graphs = {"minus": lambda feeds: {"out": feeds["left"] - feeds["right"]}}
    assert interpreter(program, graphs, entries=[entry]).run([Text("abc")])[0].score == -2.0
    by_name = {"minus": lambda feeds: {"d": feeds["a"] - feeds["b"]}}
    assert interpreter(program, by_name).run([Text("abc")])[0].score == 2.0
    with pytest.raises(BundleError, match="differ in inputs"):
        interpreter(program, graphs, entries=[Graph(name="minus", file="f", inputs=("left",), outputs=("out",))])


# Company: whether rows of a batch change each other's answer.


def graph_of(kind: str) -> Callable[[Any], Any]:
    def run(feeds: Any) -> Any:
        x = feeds["padded"].astype(np.float64).sum(1)
        length = feeds["padded"].shape[1]
        noise = {
            "steady": 0.0, "lone": 1e-9 * (len(x) == 1), "batch": 1e-9 * x.sum(),
            "lengths": 1e-9 * (length > 10 and length % 4 == 3),
        }[kind]  # fmt: skip
        return {"logits": np.stack([-x - noise, x + noise], 1)}

    return run


@pytest.mark.parametrize(("kind", "rule"), [("steady", "any"), ("lone", "two"), ("batch", "none"), ("lengths", "none")])
def test_the_cheapest_rule_that_hides_company_is_chosen(recipe: Any, made: Path, kind: str, rule: str) -> None:
    from modelworks.bundle import open_resources, selftest

    draft = recipe.draft()
    run = Interpreter(
        draft.program, {"model": graph_of(kind)}, open_resources(made, draft.resources), input="text",
        prediction="labels",
    )  # fmt: skip
    inputs = selftest.inputs(made, "text")
    assert company.choose(run, inputs) == rule
    assert company.choose(run, inputs[:1]) == "none"
    rows = run.prepare(inputs)
    alone = [company.finish(run, [row], rule) for row in rows]  # type: ignore[arg-type]
    assert [p for one in alone for p in one] == company.finish(run, rows, rule)  # type: ignore[arg-type]


def test_rowwise_gives_training_its_variables_by_name(made: Path, recipe: Any) -> None:
    from modelworks.bundle import sessions

    rows = sessions.interpreter(made, recipe.draft()).rowwise([Text("good film"), Text("bad")])
    assert [list(row["ids"]) for row in rows] == [[1, 0], [6]]
    assert rows[0]["text"] == "good film"
    assert "logits" not in rows[0]
