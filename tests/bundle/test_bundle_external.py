"""ONNX external data: read from the protobuf itself, contained and listed, or refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from modelworks.bundle import Predictor, verify
from modelworks.bundle.scan import external_locations
from modelworks.core.errors import BundleError
from modelworks.kinds import Text


def outside(bundle: Path, location: str) -> None:
    """Move the weights of the bundle's graph into a file beside it, and call that file `location`."""
    path = bundle / "graphs/model.onnx"
    onnx.save(
        onnx.load(path), path, save_as_external_data=True, location="weights.data", size_threshold=50,
        convert_attribute=True,
    )  # fmt: skip
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    path.write_bytes(model.SerializeToString())


def test_listed_external_data_opens(bundle: Path, resealed: Callable[..., Path]) -> None:
    outside(bundle, "weights.data")
    assert external_locations(bundle / "graphs/model.onnx") == {"weights.data"}
    assert Predictor.open(resealed()).predict([Text("good")])[0].label == "positive"


def test_external_data_that_is_not_listed_is_refused(bundle: Path, resealed: Callable[..., Path]) -> None:
    outside(bundle, "other.data")
    with pytest.raises(BundleError, match="external data is not listed"):
        verify(resealed())


@pytest.mark.parametrize("location", ["../../outside.data", "/etc/hostname", "../graphs/../../outside.data"])
def test_external_data_that_climbs_out_is_refused(bundle: Path, resealed: Callable[..., Path], location: str) -> None:
    outside(bundle, location)
    shutil.copy(bundle / "graphs/weights.data", bundle.parent / "outside.data")
    with pytest.raises(BundleError, match="not contained"):
        verify(resealed())


def test_external_data_deep_in_a_subgraph_is_found(tmp_path: Path) -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="offset", value="0")
    tensor.external_data.add(key="location", value="deep.data")
    info = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    inner = helper.make_graph([helper.make_node("Identity", ["w"], ["y"])], "inner", [], [info], [tensor])
    node = helper.make_node("If", ["c"], ["z"], then_branch=inner, else_branch=inner)
    constant = helper.make_node("Constant", [], ["k"], value=TensorProto.FromString(tensor.SerializeToString()))
    graph = helper.make_graph(
        [constant, node], "outer", [helper.make_tensor_value_info("c", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1])],
    )  # fmt: skip
    path = tmp_path / "model.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    assert external_locations(path) == {"deep.data"}


def test_bytes_that_are_no_protobuf_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    for data in (b"\x3a\x05abc", b"\x80" * 12, b"\x0b", b"\x09abc"):
        path.write_bytes(data)
        with pytest.raises(BundleError, match="not an ONNX graph"):
            external_locations(path)
