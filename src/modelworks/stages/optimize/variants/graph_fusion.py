"""Fused operators: transformer patterns by onnxruntime's own optimizer, anything else by its session optimizer."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

from modelworks.contracts.variant import Feeds, Variant

FUSED = ("Attention", "MultiHeadAttention", "SkipLayerNormalization", "EmbedLayerNormalization", "BiasGelu")


def transform(graph: Path, target: Path, feeds: Feeds) -> None:
    """Write the transformer-fused graph where that finds anything, else the extended-level graph, which is portable:
    only the levels above it depend on the machine."""
    if not _transformer(graph, target):
        _extended(graph, target)


def _transformer(graph: Path, target: Path) -> bool:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from onnxruntime.transformers import optimizer

    logging.getLogger("onnxruntime.transformers").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        # Given as a path inside a temporary folder, because the optimizer writes beside its input.
        copy = Path(folder) / graph.name
        copy.write_bytes(graph.read_bytes())
        model = optimizer.optimize_model(str(copy), model_type="bert", num_heads=0, hidden_size=0, opt_level=0)
    if not any(model.get_nodes_by_op_type(name) for name in FUSED):
        return False
    model.save_model_to_file(str(target))
    return True


def _extended(graph: Path, target: Path) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


VARIANT = Variant(name="graph-fusion", summary="operators fused ahead of time, same numbers", transform=transform)
