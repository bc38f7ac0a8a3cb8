"""The graphs of a parser as files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from modelworks.contracts.family import Graph
from modelworks.stages.learn import base
from modelworks.stages.learn.networks import tree

_SENTENCES, _NODES = {0: "batch", 1: "length"}, {0: "batch", 1: "nodes"}


def export(module: tree.TreeNetwork, folder: Path) -> tuple[Graph, ...]:
    """Write `segmenter`, `parser` and `relations` under graphs/."""
    module.eval().cpu()
    shown = torch.tensor([[1] * 8, [1] * 5 + [0] * 3])
    width = module.relations.width - 1
    pairs = {name: torch.zeros(4, width) for name in ("dependents", "governors")}
    windows = {"points": torch.ones(2, 8, 4, dtype=torch.long), "attention_mask": shown}
    arcs = {"arcs": {**_NODES, 2: "nodes"}, "dependents": _NODES, "governors": _NODES}
    return (
        _write(module.segmenter, folder, "segmenter", windows, {"logits": _SENTENCES}),
        _write(module.parser, folder, "parser", _feeds(module, shown), {
            **dict.fromkeys(tree.LAYERS, _SENTENCES), **arcs,
        }),
        _write(module.relations, folder, "relations", pairs, {"logits": {0: "arcs"}}, {0: "arcs"}),
    )  # fmt: skip


def _feeds(module: tree.TreeNetwork, shown: torch.Tensor) -> dict[str, torch.Tensor]:
    grams = torch.ones(*shown.shape, 24, dtype=torch.long)
    feeds = {"words": torch.ones_like(shown), "grams": grams, "shapes": torch.ones_like(shown), "attention_mask": shown}
    encoder = module.parser.encoder
    if isinstance(encoder, tree.Contextual):
        encoder.encoder.model.set_attn_implementation("eager")  # spelled out, as onnxruntime's fusions expect it
        owners = torch.tensor([[0, 1, 1, *range(2, 9), 0, 0]] * 2)
        feeds |= {"input_ids": torch.ones_like(owners), "owners": owners, "subword_mask": (owners >= 0).long()}
    return feeds


def _write(
    module: nn.Module, folder: Path, name: str, feeds: Mapping[str, torch.Tensor],
    outputs: Mapping[str, Mapping[int, str]], axes: Mapping[int, str] | None = None,
) -> Graph:  # fmt: skip
    """Trace a module with `feeds`; `outputs` names what it leaves, with the dynamic axes of each."""
    path = folder / "graphs" / f"{name}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    subwords = {0: "batch", 1: "subwords"}
    of_subwords = ("input_ids", "owners", "subword_mask")
    dynamic = {feed: axes or (subwords if feed in of_subwords else _SENTENCES) for feed in feeds}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracer and deprecation warnings; parity is checked instead
        torch.onnx.export(
            _Listed(module, list(feeds), list(outputs)).eval(), tuple(feeds.values()), str(path),
            input_names=list(feeds), output_names=list(outputs),
            dynamic_axes={name: dict(value) for name, value in {**dynamic, **outputs}.items()},
            opset_version=base.OPSET, dynamo=False, do_constant_folding=True,
        )  # fmt: skip
    return Graph(name=name, file=f"graphs/{name}.onnx", inputs=tuple(feeds), outputs=tuple(outputs))


class _Listed(nn.Module):
    """A module with positional inputs and outputs, for the exporter."""

    def __init__(self, module: nn.Module, names: Sequence[str], outputs: Sequence[str]) -> None:
        super().__init__()
        self.module, self.names, self.outputs = module, names, outputs

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = self.module(**dict(zip(self.names, tensors, strict=True)))
        return tuple(found[name] for name in self.outputs)
