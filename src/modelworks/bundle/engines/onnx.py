"""ONNX Runtime on the CPU, set for servers: few threads, and none of them spins."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from modelworks.bundle.manifest import Runtime
from modelworks.contracts.family import Graph
from modelworks.core.errors import BundleError

LEVELS = {
    "disabled": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "layout": "ORT_ENABLE_LAYOUT",
    "all": "ORT_ENABLE_ALL",
}


def ENGINE(path: Path, graph: Graph, runtime: Runtime) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """A function from arrays by input name to arrays by output name. Several threads may call it at once."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # on by default since 1.32, read at import
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = runtime.threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, LEVELS[runtime.optimization])
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes share no public base
        raise BundleError(f"onnxruntime cannot open the graph: {error}", where=str(path)) from error
    _same_names(graph, [i.name for i in session.get_inputs()], [o.name for o in session.get_outputs()], path)
    names = list(graph.outputs)
    run = session.run

    def call(feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(zip(names, run(names, feeds), strict=True))

    return call


def _same_names(graph: Graph, inputs: list[str], outputs: list[str], path: Path) -> None:
    for role, said, found in (("input", graph.inputs, inputs), ("output", graph.outputs, outputs)):
        wrong = set(said) - set(found) if role == "output" else set(said) ^ set(found)
        if wrong:
            raise BundleError(
                f"the graph's {role}s are not those of the manifest",
                where=str(path),
                seen=sorted(wrong)[0],
                allowed=found,
            )
