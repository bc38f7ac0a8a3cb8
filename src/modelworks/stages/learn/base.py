"""What most families share."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import nn

from modelworks.contracts.family import Batcher, Front, Graph, Recipe, Source
from modelworks.core import files
from modelworks.core.errors import ConfigError

Rows = Sequence[Mapping[str, Any]]
OPSET = 17
IGNORED = -100
MULTIPLE = 4
"""Padded lengths of text bodies are multiples of it: kernels add in fours, and a row's sums must not depend on how
much it is filled up (docs/decisions/0003-same-bytes.md)."""


class Base(ABC):
    """Defaults of a family: compact alone, one graph, no quick start, plain groups, AdamW, no augmentation, cross
    entropy."""

    targets: tuple[str, ...] = ("labels",)

    def numericalize(self, rows: Rows, front: Front, folder: Path) -> Rows:
        return rows

    def load(self, module: nn.Module, source: Source) -> None:
        raise ConfigError(
            "this family has only a compact network", where="train.model", seen=source.name, allowed="compact"
        )

    def start(self, module: nn.Module, rows: Rows, front: Front, options: Any) -> bool:
        return False

    def settle(self, module: nn.Module, score: Callable[[], float]) -> float | None:
        return None

    def groups(self, module: nn.Module, options: Recipe) -> list[dict[str, Any]]:
        return decay_groups(module.named_parameters(), options.learning_rate, options.weight_decay)

    def optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-6)

    def graphs(self, module: nn.Module) -> Mapping[str, nn.Module]:
        return {"model": module}

    def length(self, row: Mapping[str, Any]) -> int:
        """Positions of a row that is a sequence; 1 for others."""
        return next((len(v) for v in row.values() if isinstance(v, np.ndarray) and v.ndim in (1, 2) and len(v)), 1)

    @abstractmethod
    def collate(self, rows: Rows, front: Front) -> dict[str, torch.Tensor]:
        """As in contracts.family."""

    def batcher(self, rows: Rows, front: Front, classes: Sequence[str], options: Any) -> Batcher:
        return lambda positions, random: self.collate([rows[i] for i in positions], front)

    def loss(self, outputs: Mapping[str, torch.Tensor], batch: Mapping[str, Any], options: Recipe) -> torch.Tensor:
        """Cross entropy over all units whose label is not -100; binary cross entropy of each class when the labels
        are float [B, C]."""
        logits, labels = outputs["logits"].float(), batch["labels"]
        if labels.is_floating_point():
            soft = labels * (1 - options.label_smoothing) + options.label_smoothing / 2
            return nn.functional.binary_cross_entropy_with_logits(logits, soft, weight=batch.get("class_weights"))
        return nn.functional.cross_entropy(
            logits.flatten(0, -2), labels.flatten(), weight=batch.get("class_weights"), ignore_index=IGNORED,
            label_smoothing=options.label_smoothing,
        )  # fmt: skip


def decay_groups(parameters: Any, rate: float, decay: float) -> list[dict[str, Any]]:
    """Two AdamW groups: matrices with weight decay; biases and norms without."""
    known = [p for _, p in parameters if p.requires_grad]
    return [
        {"params": [p for p in known if p.ndim > 1], "lr": rate, "weight_decay": decay},
        {"params": [p for p in known if p.ndim <= 1], "lr": rate, "weight_decay": 0.0},
    ]


def pad(rows: Sequence[np.ndarray], value: int = 0, multiple: int = 1) -> torch.Tensor:
    """Arrays [T, …] -> [B, longest, …], as `batch.pad.v1`."""
    longest = _longest(rows, multiple)
    padded = np.full((len(rows), longest, *rows[0].shape[1:]), value, dtype=rows[0].dtype)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = row
    return torch.from_numpy(padded)


def mask(rows: Sequence[np.ndarray], multiple: int = 1) -> torch.Tensor:
    """Int64 [B, longest]: 1 where a row has a value. A row with none keeps one, so that it can be normalized."""
    lengths = torch.tensor([max(1, len(row)) for row in rows])
    return (torch.arange(_longest(rows, multiple)) < lengths[:, None]).long()


def _longest(rows: Sequence[np.ndarray], multiple: int) -> int:
    return -(-max(1, *(len(row) for row in rows)) // multiple) * multiple


def sample(rows: Rows, count: int) -> Rows:
    """At most `count` rows, drawn at random but always the same: data often lies class by class."""
    chosen = np.random.default_rng(0).permutation(len(rows))[:count]
    return [rows[i] for i in chosen.tolist()]


def write_json(path: Path, value: Any) -> None:
    """Plain data as JSON, keys sorted, whole or not at all."""
    files.write_bytes(path, msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=1))


def read_json(path: Path) -> Any:
    """What `write_json` wrote."""
    return msgspec.json.decode(path.read_bytes())


def export(
    module: nn.Module, folder: Path, feeds: Mapping[str, torch.Tensor], axes: Mapping[str, Mapping[int, str]],
    logits: Mapping[int, str] | None = None,
) -> tuple[Graph, ...]:  # fmt: skip
    """Trace the module with `feeds` and write graphs/model.onnx; `axes` and `logits` name the dynamic axes.

    The tracing exporter is used because its graphs keep the shapes onnxruntime's transformer fusions look for, and
    it takes a second where the other takes ten."""
    path = folder / "graphs" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    module = module.eval().cpu()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracer and deprecation warnings; parity is checked instead
        torch.onnx.export(
            Named(module, list(feeds)).eval(), tuple(feeds.values()), str(path), input_names=list(feeds),
            output_names=["logits"], dynamic_axes={**axes, "logits": dict(logits or {0: "batch"})},
            opset_version=OPSET, dynamo=False, do_constant_folding=True,
        )  # fmt: skip
    return (Graph(name="model", file="graphs/model.onnx", inputs=tuple(feeds), outputs=("logits",)),)


class Named(nn.Module):
    """A module with positional inputs and the bare logits as output, for the exporter."""

    def __init__(self, module: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.module, self.names = module, names

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.module(**dict(zip(self.names, tensors, strict=True)))["logits"]
        return logits
