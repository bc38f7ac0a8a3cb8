"""The card, the profile, the self-test's comparison, resources, and company over a real graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from modelworks.bundle import Licence, company, open_resources, profile, record_profile, selftest
from modelworks.bundle.card import render
from modelworks.bundle.engines.onnx import ENGINE
from modelworks.bundle.manifest import Runtime
from modelworks.contracts import op as ops
from modelworks.contracts.family import Graph, Resource
from modelworks.core.errors import BundleError
from modelworks.kinds import Entities, Entity, Labels, Scored, Text


def test_the_card_has_the_hubs_front_matter_and_escapes(recipe: Any) -> None:
    import msgspec

    licences = (Licence(what="<b>|x", licence="MIT", source="a\nb"), Licence(what="y", licence="CC-BY-4.0", source="c"))
    draft = msgspec.structs.replace(recipe.draft(), licences=licences, parent="f" * 64, variant="int8")
    score = {"value": 0.9, "low": 0.85, "high": 0.95, "signature": "accuracy|v1"}
    text = render(draft, {"accuracy": score})
    front = yaml.safe_load(text.split("---")[1])
    assert front["pipeline_tag"] == "text-classification"
    assert front["license"] == "other", "several licences"
    assert front["model-index"][0]["results"][0]["metrics"] == [{"type": "accuracy", "value": 0.9}]
    assert "| accuracy | 0.9000 | 0.8500 to 0.9500 | `accuracy|v1` |" in text
    assert "| &lt;b>\\|x | MIT | a b |" in text
    assert "variant *int8*" in text
    assert render(draft, {}) == render(draft, {}), "no times in it"


def test_the_profile_counts_labels_scores_and_sizes(tmp_path: Path) -> None:
    inputs = [Text("ab"), Text("abcd")]
    answers = [
        Entities((Entity("LOC", 0.5, "a", 0, 1), Entity("PER", 0.75, "b", 1, 2))), Entities(()),
    ]  # fmt: skip
    made = record_profile(tmp_path, inputs, answers)
    assert profile.read(tmp_path) == made
    assert (made.examples, made.labels) == (2, {"LOC": 1, "PER": 1})
    assert (made.size[0], made.size[50], made.size[100]) == (2.0, 3.0, 4.0)
    assert (made.score[0], made.score[100], made.items[100]) == (0.5, 0.75, 2.0)
    labels = Labels("good", 0.9, (Scored("good", 0.9), Scored("bad", 0.1)))
    assert set(profile.measure(inputs[:1], [labels]).score) == {0.9}
    assert profile.measure([], []).size == ()
    (tmp_path / "profile.json").write_text("{}")
    with pytest.raises(BundleError, match="profile is damaged"):
        profile.read(tmp_path)


@pytest.mark.parametrize(
    ("expected", "found", "same"),
    [
        ({"a": 1.0}, {"a": 1.009}, True),
        ({"a": 1.0}, {"a": 1.02}, False),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1.0}, {"a": 1.0, "b": 1}, False),
        ({"a": 1.0}, {"a": "1.0"}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": None}, {"a": None}, True),
        ([{"l": "x", "s": 0.5}, {"l": "y", "s": 0.499}], [{"l": "y", "s": 0.5}, {"l": "x", "s": 0.499}], True),
        ([{"l": "x", "s": 0.9}, {"l": "y", "s": 0.1}], [{"l": "y", "s": 0.9}, {"l": "x", "s": 0.1}], False),
        ([1, 2], [2, 1], False),
        ([{"l": "x"}], [], False),
        ("good", "bad", False),
    ],
)
def test_answers_are_compared_as_documented(expected: Any, found: Any, same: bool) -> None:
    assert selftest.same(expected, found, 0.01) is same


def test_the_self_test_keeps_the_surest_of_each_label(tmp_path: Path) -> None:
    inputs = [Text(str(n)) for n in range(20)]
    answers = [Labels("ab"[n % 2], 0.5 + n / 50, ()) for n in range(20)]
    selftest.record_selftest(tmp_path, inputs, answers, limit=4)
    kept = selftest.read(tmp_path)
    assert kept is not None
    assert [case.input["text"] for case in kept.cases] == ["16", "17", "18", "19"]


def test_resources_open_by_their_type(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    (tmp_path / "b.json").write_text('{"x": [1]}')
    (tmp_path / "c.txt").write_text("eins\nzwei\n")
    entries = [
        Resource(name=name, file=file, type=type_)
        for name, file, type_ in [("a", "a.npy", "array"), ("b", "b.json", "json"), ("c", "c.txt", "lines")]
    ]
    found = open_resources(tmp_path, entries)
    assert (found["a"].tolist(), found["b"], found["c"]) == ([0, 1, 2], {"x": [1]}, ["eins", "zwei"])
    with pytest.raises(BundleError, match="unknown type"):
        open_resources(tmp_path, [Resource(name="d", file="c.txt", type="module")])
    with pytest.raises(BundleError, match="cannot open the tokenizer"):
        open_resources(tmp_path, [Resource(name="d", file="b.json", type="tokenizer")])


def pooling(path: Path) -> Graph:
    """logits [B, 8] = mask [B, 1, L] @ x [B, L, 8]: how families should pool."""
    nodes = [
        helper.make_node("Cast", ["mask"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["float", "one"], ["row"]),
        helper.make_node("MatMul", ["row", "x"], ["sums"]),
        helper.make_node("Squeeze", ["sums", "one"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes, "pool",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["b", "l", 8]),
            helper.make_tensor_value_info("mask", TensorProto.INT64, ["b", "l"]),
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["b", 8])],
        [numpy_helper.from_array(np.array([1], np.int64), "one")],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return Graph(name="model", file=path.name, inputs=("x", "mask"), outputs=("logits",))


def test_pooling_by_matmul_over_multiples_of_four_does_not_see_company(tmp_path: Path) -> None:
    graph = pooling(tmp_path / "pool.onnx")
    run = ENGINE(tmp_path / "pool.onnx", graph, Runtime())
    random = np.random.default_rng(0)
    rows = [random.normal(size=(n, 8)).astype(np.float32) for n in random.integers(1, 300, 60)]

    def answer(part: list[np.ndarray]) -> np.ndarray:
        x, mask = ops.find("batch.pad.v1").run(None, part, multiple=4)
        assert x.shape[1] % 4 == 0
        return run({"x": x, "mask": mask})["logits"]

    alone = [answer([row])[0] for row in rows]
    for size in (2, 7, 60):
        for start in range(0, 60, size):
            for place, found in enumerate(answer(rows[start : start + size])):
                assert company._same(found, alone[start + place])
