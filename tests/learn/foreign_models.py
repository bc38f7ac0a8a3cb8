"""Tiny models of other makers, and a tokenizer for those of texts."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn

LABELS = ("negative", "positive")
WORDS = ("a", "film", "service", "wonderful", "dull", "every", "minute", "of", "it", "i", "the", "was", "and")


def tokenizer(folder: Path) -> Path:
    """A word tokenizer as tokenizer.json."""
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


class Words(nn.Module):
    """Mean of word vectors under a mask, then a linear layer; as probabilities when asked."""

    def __init__(self, softmax: bool = False) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.vectors, self.head, self.softmax = nn.Embedding(len(WORDS) + 2, 8), nn.Linear(8, len(LABELS)), softmax

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        there = mask.unsqueeze(-1).float()
        mean = (self.vectors(ids) * there).sum(1) / there.sum(1).clamp(min=1.0)
        logits = self.head(mean) * 3
        return logits.softmax(-1) if self.softmax else logits


class Pixels(nn.Module):
    """A convolution over channels-first pictures, and the mean of what it finds."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.find, self.head = nn.Conv2d(3, 6, 3), nn.Linear(6, len(LABELS))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.find(pictures)).mean((2, 3)) * 5)


def texts() -> tuple[torch.Tensor, torch.Tensor]:
    """An example of a batch for `Words`."""
    return torch.ones(2, 5, dtype=torch.long), torch.ones(2, 5, dtype=torch.long)


def script(module: nn.Module, path: Path) -> Path:
    torch.jit.script(module.eval()).save(str(path))
    return path


def exported(module: nn.Module, path: Path, feeds: tuple[torch.Tensor, ...] | None = None) -> Path:
    """A .pt2 whose batch and length are of any size."""
    feeds = feeds or texts()
    names = (torch.export.Dim("batch"), torch.export.Dim("length"))
    shapes = tuple({axis: names[axis] for axis in range(1 if feed.ndim == 4 else 2)} for feed in feeds)
    torch.export.save(torch.export.export(module.eval(), feeds, dynamic_shapes=shapes), path)
    return path


def graph(module: nn.Module, path: Path) -> Path:
    """A plain ONNX file, by torch's tracing exporter."""
    torch.onnx.export(
        module.eval(), texts(), str(path), dynamo=False, opset_version=15, input_names=["x", "x_mask"],
        output_names=["y"], dynamic_axes={"x": {0: "b", 1: "t"}, "x_mask": {0: "b", 1: "t"}},
    )  # fmt: skip
    return path
