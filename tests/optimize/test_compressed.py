"""Weights stored small, computed in float32."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from modelworks.stages.optimize.variants.compressed import VARIANT


def graph(path, table, matrix):
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"], axis=0),
        helper.make_node("MatMul", ["rows", "matrix"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["out"]),
    ]
    weights = {"table": table, "matrix": matrix, "bias": np.ones(matrix.shape[1], np.float32)}
    model = helper.make_model(
        helper.make_graph(
            nodes, "small",
            [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "length"])],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", "length", matrix.shape[1]])],
            [numpy_helper.from_array(value, name) for name, value in weights.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=9,
    )  # fmt: skip
    onnx.save(model, str(path))


def test_a_graph_becomes_small_and_answers_nearly_the_same(tmp_path):
    random = np.random.default_rng(0)
    table, matrix = random.normal(size=(500, 64)).astype(np.float32), random.normal(size=(64, 32)).astype(np.float32)
    table[0] = 0
    graph(tmp_path / "a.onnx", table, matrix)
    VARIANT.transform(tmp_path / "a.onnx", tmp_path / "b.onnx", lambda name: ())
    onnx.checker.check_model(str(tmp_path / "b.onnx"))
    assert (tmp_path / "b.onnx").stat().st_size < 0.35 * (tmp_path / "a.onnx").stat().st_size
    ids = random.integers(0, 500, (2, 5))
    before, after = (
        onnxruntime.InferenceSession(str(tmp_path / name)).run(None, {"ids": ids})[0] for name in ("a.onnx", "b.onnx")
    )
    assert np.abs(before - after).max() < 0.02 * np.abs(before).max()
    assert np.abs(before - after).max() > 0
