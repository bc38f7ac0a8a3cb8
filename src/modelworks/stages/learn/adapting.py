"""ONNX graphs of other makers, brought to the inputs and outputs that a program feeds: names, types, axes, logits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from modelworks.contracts.foreign import Port
from modelworks.core.errors import BundleError

Scores = Literal["logits", "softmax", "sigmoid"]
_TINY = 1e-12
"""The least probability of which a logarithm is taken."""


class Inlet(Struct, frozen=True, kw_only=True):
    """How one variable of the program becomes an input of the foreign model.

    Pictures come as uint8 [B, H, W, 3]; they leave as (value / divide - mean) / std, channels first if so wanted.
    Else the array only changes its type."""

    name: str
    """Of the variable, and of the graph's input afterwards."""
    comes: str
    """numpy's name of the type it comes in."""
    axes: tuple[str | int, ...]
    dtype: str
    """What the model wants."""
    picture: bool = False
    channels_first: bool = False
    divide: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


def signature(path: Path) -> tuple[tuple[Port, ...], tuple[str, ...]]:
    """(inputs that are no weights, names of outputs) of an ONNX file."""
    graph = _loaded(path).graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = tuple(_port(value) for value in graph.input if value.name not in weights)
    return inputs, tuple(value.name for value in graph.output)


def adapt(path: Path, inlets: Sequence[Inlet], outputs: Sequence[str], scores: Scores) -> None:
    """Rewrite an ONNX file in place: its inputs, in order, are fed by `inlets`; its first outputs get the names
    `outputs`, as float32, and where they were probabilities they are made logits again."""
    import onnx
    from onnx import TensorProto, compose, helper

    model = compose.add_prefix(_loaded(path), "imported/")
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    olds = [value for value in graph.input if value.name not in weights]
    before = [node for old, inlet in zip(olds, inlets, strict=True) for node in _entry(inlet, old.name, graph)]
    after = [
        node for old, name in zip(graph.output, outputs, strict=False) for node in _exit(old.name, name, scores, graph)
    ]
    nodes = [*before, *graph.node, *after]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    graph.input.extend(
        helper.make_tensor_value_info(inlet.name, _type(inlet.comes), list(inlet.axes)) for inlet in inlets
    )
    graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs)
    onnx.save(model, str(path))


def _entry(inlet: Inlet, old: str, graph: Any) -> list[Any]:
    from onnx import helper

    nodes: list[Any] = []
    at = inlet.name

    def then(kind: str, *more: str, **attributes: Any) -> None:
        nonlocal at
        nodes.append(helper.make_node(kind, [at, *more], [f"{inlet.name}/{len(nodes)}"], **attributes))
        at = nodes[-1].output[0]

    then("Cast", to=_type("float32" if inlet.picture else inlet.dtype))
    if inlet.picture:
        if inlet.divide != 1.0:
            then("Div", _constant(graph, f"{inlet.name}/divide", [inlet.divide]))
        if inlet.mean:
            then("Sub", _constant(graph, f"{inlet.name}/mean", inlet.mean))
        if inlet.std:
            then("Div", _constant(graph, f"{inlet.name}/std", inlet.std))
        if inlet.channels_first:
            then("Transpose", perm=[0, 3, 1, 2])
        then("Cast", to=_type(inlet.dtype))
    nodes[-1].output[0] = old
    return nodes


def _exit(old: str, name: str, scores: Scores, graph: Any) -> list[Any]:
    from onnx import TensorProto, helper

    cast = helper.make_node("Cast", [old], [f"{name}/float"], to=TensorProto.FLOAT)
    if scores == "logits":
        cast.output[0] = name
        return [cast]
    tiny = _constant(graph, f"{name}/tiny", [_TINY])
    nodes = [
        cast, helper.make_node("Max", [f"{name}/float", tiny], [f"{name}/present"]),
        helper.make_node("Log", [f"{name}/present"], [name if scores == "softmax" else f"{name}/yes"]),
    ]  # fmt: skip
    if scores == "sigmoid":
        one = _constant(graph, f"{name}/one", [1.0])
        nodes += [
            helper.make_node("Sub", [one, f"{name}/float"], [f"{name}/rest"]),
            helper.make_node("Max", [f"{name}/rest", tiny], [f"{name}/absent"]),
            helper.make_node("Log", [f"{name}/absent"], [f"{name}/no"]),
            helper.make_node("Sub", [f"{name}/yes", f"{name}/no"], [name]),
        ]
    return nodes


def _constant(graph: Any, name: str, values: Sequence[float]) -> str:
    import numpy as np
    from onnx import numpy_helper

    graph.initializer.append(numpy_helper.from_array(np.array(values, np.float32), name))
    return name


def _loaded(path: Path) -> Any:
    import onnx

    try:
        return onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf's classes depend on its implementation
        raise BundleError(f"not an ONNX graph: {error}", where=str(path)) from error


def _port(value: Any) -> Port:
    from onnx import helper

    tensor = value.type.tensor_type
    shape = tuple(axis.dim_value if axis.HasField("dim_value") else None for axis in tensor.shape.dim)
    return Port(name=value.name, dtype=str(helper.tensor_dtype_to_np_dtype(tensor.elem_type)), shape=shape)


def _type(name: str) -> int:
    import numpy as np
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(name)))
