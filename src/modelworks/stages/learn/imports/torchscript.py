"""TorchScript: `torch.jit.save`. Its own small language runs in torch's interpreter, never Python (archives.py)."""

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


class TorchScriptImport:
    """Types and names of inputs are those of `forward`; it must take and give tensors."""

    summary = "TorchScript (torch.jit.save)"
    suffixes: tuple[str, ...] = (".torchscript", ".ts")

    def open(self, file: Path, request: Request, scratch: Path) -> Foreign:
        archive = archives.torch_script(file)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch.jit is on its way out
                module = torch.jit.freeze(torch.jit.load(archive, map_location="cpu").eval())
        except RuntimeError as error:
            raise BundleError(f"torch cannot open it: {error}", where=str(file)) from error
        names = [argument.name for argument in module.forward.schema.arguments[1:]]
        return foreign_torch.Module(module, tuple(Port(name=name) for name in names), _export)


def _export(module: Any, path: Path, feeds: Sequence[np.ndarray], ports: Sequence[Port]) -> None:
    axes = {port.name: dict.fromkeys(range(1 if feed.ndim == 4 else feed.ndim), "") for port, feed in
            zip(ports, feeds, strict=True)}  # fmt: skip
    named = {name: {axis: f"{name}_{axis}" for axis in found} for name, found in axes.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, tuple(torch.from_numpy(feed) for feed in feeds), str(path), dynamo=False, opset_version=17,
            input_names=[port.name for port in ports], output_names=["output"],
            dynamic_axes={**named, "output": {0: "batch"}},
        )  # fmt: skip


IMPORT = TorchScriptImport()
