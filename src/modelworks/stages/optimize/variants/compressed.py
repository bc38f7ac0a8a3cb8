"""Weights kept small, computed in float32: half precision on disk, tables in 8 bits with one scale a row.

Nothing is quantized while the graph runs, so answers stay nearly the same, and rows may share a batch as before. The
engine widens the matrices when it opens the graph; of a table it widens the rows that are looked up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from modelworks.contracts.variant import Feeds, Variant

_LEAST = 1024
"""Numbers a weight must hold to be worth it."""


def transform(graph: Path, target: Path, feeds: Feeds) -> None:
    """Store large float32 weights in 16 bits, those that are only looked up in 8."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(graph))
    readers: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            readers.setdefault(name, []).append((node, place))
    large = [one for one in model.graph.initializer if _large(one) and one.name in readers]
    for weight in large:
        values = numpy_helper.to_array(weight)
        nodes = readers[weight.name]
        model.graph.initializer.remove(weight)
        if values.ndim == 2 and all(
            node.op_type == "Gather" and place == 0 and not _axis(node) for node, place in nodes
        ):
            _table(model.graph, weight.name, values, [node for node, _ in nodes])
        else:
            _half(model.graph, weight.name, values)
    onnx.save(model, str(target))


def _large(weight: Any) -> bool:
    return bool(weight.data_type == 1 and np.prod(weight.dims) >= _LEAST)


def _axis(node: Any) -> int:
    return next((one.i for one in node.attribute if one.name == "axis"), 0)


def _half(graph: Any, name: str, values: np.ndarray) -> None:
    from onnx import helper, numpy_helper

    limit = float(np.finfo(np.float16).max)
    stored = np.clip(values, -limit, limit).astype(np.float16)
    graph.initializer.append(numpy_helper.from_array(stored, f"{name}.half"))
    graph.node.insert(0, helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.widened", to=1))


def _table(graph: Any, name: str, values: np.ndarray, nodes: list[Any]) -> None:
    """Each lookup becomes: the row in 8 bits, times the row's scale."""
    from onnx import helper, numpy_helper

    scales = np.maximum(np.abs(values).max(axis=1, keepdims=True) / 127, np.finfo(np.float32).tiny)
    small = np.clip(np.round(values / scales), -127, 127).astype(np.int8)
    graph.initializer.append(numpy_helper.from_array(small, f"{name}.small"))
    graph.initializer.append(numpy_helper.from_array(scales.astype(np.float32), f"{name}.scales"))
    for number, node in enumerate(nodes):
        ids, found, stem = node.input[1], node.output[0], f"{name}.{number}"
        made = [
            helper.make_node("Gather", [f"{name}.small", ids], [f"{stem}.row"], name=f"{stem}.row", axis=0),
            helper.make_node("Cast", [f"{stem}.row"], [f"{stem}.wide"], name=f"{stem}.wide", to=1),
            helper.make_node("Gather", [f"{name}.scales", ids], [f"{stem}.scale"], name=f"{stem}.scale", axis=0),
            helper.make_node("Mul", [f"{stem}.wide", f"{stem}.scale"], [found], name=f"{stem}.scaled"),
        ]
        place = next(index for index, other in enumerate(graph.node) if other is node or other == node)
        graph.node.remove(node)
        for offset, one in enumerate(made):
            graph.node.insert(place + offset, one)


VARIANT = Variant(
    name="compressed", summary="weights stored in 16 bits, tables in 8; computed in float32", transform=transform,
    parity=0.02,
)  # fmt: skip
