"""An exported program: `torch.export.save`, a .pt2 file. Opened only after archives.py took out all that could run."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from modelworks.contracts.foreign import Foreign, Port, Request
from modelworks.core.errors import BundleError
from modelworks.stages.learn import archives, foreign_torch


class ExportedProgramImport:
    """Positional tensors in, tensors out; the batch (and length) axes must have been exported as dynamic."""

    summary = "exported program (torch.export.save)"
    suffixes: tuple[str, ...] = (".pt2",)

    def open(self, file: Path, request: Request, scratch: Path) -> Foreign:
        archive = archives.exported_program(file)
        try:
            program = torch.export.load(archive)
            module = program.module()
        except Exception as error:  # every layer of torch.export raises classes of its own
            raise BundleError(f"torch cannot open it: {error}", where=str(file)) from error
        values = {node.name: node.meta["val"] for node in program.graph.nodes if "val" in node.meta}
        ports = tuple(_port(name, values[name]) for name in program.graph_signature.user_inputs)
        if ports and isinstance(ports[0].shape[0], int):
            raise BundleError(
                "the program takes batches of one size only", where=str(file), seen=list(ports[0].shape),
                hint="export it with dynamic_shapes: axis 0 (and the length) as torch.export.Dim",
            )  # fmt: skip
        return foreign_torch.Module(module, ports, lambda _, *call: _export(program, *call))


def _port(name: str, value: Any) -> Port:
    shape = tuple(size if isinstance(size, int) else None for size in value.shape)
    return Port(name=name, dtype=str(value.dtype).removeprefix("torch."), shape=shape)


def _export(program: Any, path: Path, feeds: Sequence[np.ndarray], ports: Sequence[Port]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(program, (), str(path), dynamo=True, verbose=False, external_data=False)


IMPORT = ExportedProgramImport()
