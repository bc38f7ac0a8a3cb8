"""A plain ONNX graph, of whatever made it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from modelworks.bundle import Runtime
from modelworks.contracts.family import Front, Graph
from modelworks.contracts.foreign import Foreign, Request
from modelworks.core import registry
from modelworks.core.errors import BundleError
from modelworks.stages.learn import adapting


class OnnxGraph:
    """The file as it is; its own framework is ONNX Runtime."""

    front: Front | None = None
    folder: Path | None = None

    def __init__(self, file: Path) -> None:
        self._file = file
        self.inputs, outputs = adapting.signature(file)
        names = tuple(port.name for port in self.inputs)
        entry = Graph(name="model", file=file.name, inputs=names, outputs=outputs)
        self._run = registry.leaf("modelworks.bundle.engines", "onnx", "ENGINE")(file, entry, Runtime())

    def run(self, feeds: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(self._run(dict(zip((port.name for port in self.inputs), feeds, strict=True))).values())

    def export(self, path: Path, feeds: Sequence[np.ndarray]) -> None:
        shutil.copyfile(self._file, path)


class OnnxImport:
    """Weights inside the file only: a graph with external data names other files."""

    summary = "ONNX graph, whatever made it"
    suffixes: tuple[str, ...] = (".onnx",)

    def open(self, file: Path, request: Request, scratch: Path) -> Foreign:
        from modelworks.bundle import scan

        if places := scan.external_locations(file):
            raise BundleError(
                "the graph keeps weights in other files", where=str(file), seen=sorted(places)[0],
                hint="write it as one file: onnx.save(onnx.load(FILE), ONE_FILE)",
            )  # fmt: skip
        return OnnxGraph(file)


IMPORT = OnnxImport()
