"""Writes torch modules with named tensors in and out as ONNX graphs."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from modelworks.contracts.family import Graph
from modelworks.stages.learn.base import OPSET

Axes = Mapping[str, Mapping[int, str]]


def write(
    name: str, module: nn.Module, folder: Path, feeds: Mapping[str, torch.Tensor], inputs: Axes, outputs: Axes
) -> Graph:
    """Trace `forward(**feeds)`, which gives tensors by name, and write graphs/<name>.onnx under `folder`; `inputs` and
    `outputs` name the dynamic axes of each tensor. The outputs are written in the order of `outputs`."""
    file = f"graphs/{name}.onnx"
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracer and deprecation warnings; parity is checked instead
        torch.onnx.export(
            _Positional(module.eval().cpu(), list(feeds), list(outputs)).eval(), tuple(feeds.values()),
            str(folder / file), input_names=list(feeds), output_names=list(outputs),
            dynamic_axes={**inputs, **outputs}, opset_version=OPSET, dynamo=False, do_constant_folding=True,
        )  # fmt: skip
    return Graph(name=name, file=file, inputs=tuple(feeds), outputs=tuple(outputs))


class _Positional(nn.Module):
    """A module with positional tensors, for the exporter."""

    def __init__(self, module: nn.Module, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        super().__init__()
        self.module, self.inputs, self.outputs = module, inputs, outputs

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        made = self.module(**dict(zip(self.inputs, tensors, strict=True)))
        return tuple(made[name] for name in self.outputs)
