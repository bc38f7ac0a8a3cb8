"""A linear head over a backbone's features, and the quick fit of it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class HeadedNetwork(nn.Module):
    """Backbone -> dropout -> linear: pictures uint8 [B, H, W, 3] -> logits [B, C]."""

    def __init__(self, backbone: nn.Module, features: int, classes: int, dropout: float, size: int) -> None:
        super().__init__()
        self.size = size
        """Height and width of the pictures it is fed."""
        self.backbone, self.dropout, self.head = backbone, nn.Dropout(dropout), nn.Linear(features, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(self.dropout(self.backbone(pixels)))}


def likelihood(logits: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
    """Summed negative log-likelihood of logits [N, C]: of the class (labels int64 [N]), or of yes and no for each
    class (labels float32 [N, C]); `weight` [C] weighs classes."""
    if labels.is_floating_point():
        return nn.functional.binary_cross_entropy_with_logits(logits, labels, weight, reduction="sum")
    return nn.functional.cross_entropy(logits, labels, weight, reduction="sum")


def fit_linear(head: nn.Linear, features: Tensor, labels: Tensor, *, strength: float = 0.003) -> None:
    """Logistic regression on standardized features [N, D] by L-BFGS, written into `head` (standardization folded in);
    labels as in `likelihood`.

    `strength` is the inverse L2 penalty (scikit-learn's C)."""
    mean, deviation = features.mean(0), features.std(0).clamp(min=1e-4)
    scaled = (features - mean) / deviation
    weight = features.new_zeros(head.out_features, features.shape[1], requires_grad=True)
    bias = features.new_zeros(head.out_features, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=80, history_size=10, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = likelihood(scaled @ weight.T + bias, labels) * strength
        loss = (loss + 0.5 * weight.square().sum()) / len(labels)
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        head.weight.copy_(weight / deviation)
        head.bias.copy_(bias - (weight / deviation) @ mean)
