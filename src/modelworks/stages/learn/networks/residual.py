"""A small residual network for pictures (after Page 2019, ResNet-9, with strides in place of pooling)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, batch normalization, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


class Residual(nn.Module):
    """Two convolutions beside an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = convolution(width, width), convolution(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(self.first(x))


class ResidualNetwork(nn.Module):
    """Uint8 pictures [B, H, W, 3] -> logits [B, C]; normalization is inside."""

    def __init__(self, classes: int, widths: Sequence[int], mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        a, b, c, d = widths
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])
        self.body = nn.Sequential(
            convolution(3, a), convolution(a, b, 2), Residual(b), convolution(b, c, 2), convolution(c, d, 2), Residual(d)
        )
        self.head = nn.Linear(d, classes)

    def forward(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.network(self.normalize(pixels))}

    def normalize(self, pixels: torch.Tensor) -> torch.Tensor:
        """Uint8 [B, H, W, 3] -> float32 [B, 3, H, W]."""
        return (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std

    def network(self, x: torch.Tensor) -> torch.Tensor:
        """Float32 [B, 3, H, W], normalized -> logits."""
        y: torch.Tensor = self.head(self.body(x).amax((2, 3)))
        return y
