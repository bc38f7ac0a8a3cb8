"""The two graphs of an encoder-decoder as ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from modelworks.contracts.family import Graph
from modelworks.stages.learn import graphs

_SOURCE = {0: "batch", 1: "source"}


def export(encoder: nn.Module, decoder: nn.Module, past: Sequence[Sequence[int]], folder: Path) -> tuple[Graph, ...]:
    """Write both; `past` holds heads and width of each tensor that the decoder hands on.

    The encoder's `memory_*` may have the source's length on any axis: where two lengths differ, there it is."""
    source = {"input_ids": torch.ones(2, 4, dtype=torch.long), "attention_mask": torch.tensor([[1] * 4, [1, 1, 0, 0]])}
    with torch.inference_mode():
        memory = encoder.eval()(**source)
        longer = encoder(**{name: torch.cat([value, value], dim=1) for name, value in source.items()})
    axes = {name: _axes(tensor, longer[name]) for name, tensor in memory.items()}
    first = graphs.write("encoder", encoder, folder, source, dict.fromkeys(source, _SOURCE), axes)
    old = {f"past_{n}": torch.zeros(6, heads, 5, width) for n, (heads, width) in enumerate(past)}
    feeds = {
        "tokens": torch.ones(2, 3, dtype=torch.long), "attention_mask": source["attention_mask"],
        **{name: tensor.clone() for name, tensor in memory.items()}, **old,
    }  # fmt: skip
    with torch.inference_mode():
        told = [name for name in decoder.eval()(**feeds) if name == "attention"]
    beams = {0: "batch", 1: "beams"}
    inputs = {
        "tokens": beams, "attention_mask": _SOURCE, **axes, **{name: {0: "texts", 2: "past"} for name in old}
    }  # fmt: skip
    outputs = {
        "logprobs": beams, **{name: {**beams, 2: "source"} for name in told},
        **{f"present_{n}": {0: "texts", 2: "present"} for n in range(len(past))},
    }  # fmt: skip
    return first, graphs.write("decoder", decoder, folder, feeds, inputs, outputs)


def _axes(tensor: torch.Tensor, longer: torch.Tensor) -> dict[int, str]:
    changed = [axis for axis, (a, b) in enumerate(zip(tensor.shape, longer.shape, strict=True)) if a != b]
    return {0: "batch", **dict.fromkeys(changed, "source")}
