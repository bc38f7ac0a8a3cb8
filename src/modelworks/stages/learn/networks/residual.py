"""A small residual network for pictures (after Page 2019, ResNet-9, with strides in place of pooling)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, batch normalization, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


MEAN, DEVIATION = 120.0, 64.0
"""Of the pixels of everyday pictures, roughly: batch norms do the rest."""


class Residual(nn.Module):
    """Two convolutions beside an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = convolution(width, width), convolution(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(self.first(x))


class ResidualNetwork(nn.Module):
    """Uint8 pictures [B, H, W, 3] -> logits [B, C]; normalization is inside."""

    def __init__(self, classes: int, widths: Sequence[int], size: int) -> None:
        super().__init__()
        self.size = size
        """Height and width of the pictures it is fed."""
        layers: list[nn.Module] = [convolution(3, widths[0])]
        for inputs, outputs in pairwise(widths):
            layers += [convolution(inputs, outputs, 2), Residual(outputs)]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], classes)
        self.to(memory_format=torch.channels_last)

    def forward(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        x = (pixels.permute(0, 3, 1, 2).float() - MEAN) / DEVIATION
        return {"logits": self.head(self.body(x).mean((2, 3)))}
