"""Fusing the operators of a graph ahead of time: what the fused variant is, and what 8-bit variants start from."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

FUSED = ("Attention", "MultiHeadAttention", "SkipLayerNormalization", "EmbedLayerNormalization", "BiasGelu")


def fuse(graph: Path, target: Path) -> bool:
    """Write the transformer-fused graph where onnxruntime's optimizer finds such patterns (then True), else the
    session optimizer's extended-level graph, which is portable: only the levels above it depend on the machine."""
    if _transformer(graph, target):
        return True
    _extended(graph, target)
    return False


def _transformer(graph: Path, target: Path) -> bool:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnx
    from onnxruntime.transformers import optimizer

    heads, hidden = attention(onnx.load(str(graph)))
    with tempfile.TemporaryDirectory() as folder:
        # A copy, because the optimizer writes beside its input.
        copy = Path(folder) / graph.name
        copy.write_bytes(graph.read_bytes())
        model = optimizer.optimize_model(str(copy), model_type="bert", num_heads=heads, hidden_size=hidden, opt_level=0)
    if not any(model.get_nodes_by_op_type(name) for name in FUSED):
        return False
    model.save_model_to_file(str(target))
    return True


def attention(model: Any) -> tuple[int, int]:
    """(heads, hidden size) of a transformer graph, (0, 0) when they cannot be read off: the width of its layer
    normalizations, and the last constant of the shapes [batch, length, heads, width] that split it into heads."""
    from onnx import numpy_helper

    values = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    makers = {name: node for node in model.graph.node for name in node.output}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].HasField("t"):
            values[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    norms = [n.input[1] for n in model.graph.node if n.op_type == "LayerNormalization" and n.input[1] in values]
    widths = Counter(values[name].size for name in norms).most_common(1)
    splits = [_last(makers.get(n.input[1]), values, n.input[1]) for n in model.graph.node if n.op_type == "Reshape"]
    parts = Counter(last for last in splits if last > 0).most_common(1)
    if not widths or not parts or widths[0][0] % parts[0][0]:
        return 0, 0
    hidden = int(widths[0][0])
    return hidden // parts[0][0], hidden


def _last(maker: Any, values: dict[str, Any], name: str) -> int:
    """The last number of a shape of four, 0 where it is not a constant."""
    if name in values:
        return int(values[name][-1]) if values[name].size == 4 else 0
    if maker is None or maker.op_type != "Concat" or len(maker.input) != 4 or maker.input[-1] not in values:
        return 0
    return int(values[maker.input[-1]].ravel()[-1])


def _extended(graph: Path, target: Path) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
