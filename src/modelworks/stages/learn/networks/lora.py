"""Low-rank adapters (Hu et al. 2021): frozen matrices, and beside each the product of two small ones that learns."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Adapted(nn.Module):
    """A linear layer with an adapter of rank `rank`, scaled by `alpha` / `rank`."""

    def __init__(self, layer: nn.Module, rank: int, alpha: float, dropout: float) -> None:
        super().__init__()
        self.layer, self.scale, self.dropout = layer.requires_grad_(False), alpha / rank, dropout
        weight = layer.weight
        assert isinstance(weight, Tensor)
        wide, narrow = weight.shape if self._transposed else weight.shape[::-1]
        self.down = nn.Parameter(torch.empty(rank, wide))
        self.up = nn.Parameter(torch.zeros(narrow, rank))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    @property
    def _transposed(self) -> bool:
        """GPT-2's Conv1D keeps [in, out]."""
        return not isinstance(self.layer, nn.Linear)

    def forward(self, x: Tensor) -> Tensor:
        given = functional.dropout(x, self.dropout, self.training)
        whole: Tensor = self.layer(x) + functional.linear(functional.linear(given, self.down), self.up) * self.scale
        return whole

    @torch.no_grad()
    def merged(self) -> nn.Module:
        """The layer with the adapter added into its matrix."""
        delta = (self.up @ self.down) * self.scale
        weight = self.layer.weight
        assert isinstance(weight, Tensor)
        weight += delta.T if self._transposed else delta
        return self.layer


def adapt(model: nn.Module, rank: int, alpha: float, dropout: float) -> None:
    """Freeze a model, and adapt every linear layer but the one that gives the logits."""
    model.requires_grad_(False)
    for parent in list(model.modules()):
        if isinstance(parent, Adapted):
            continue
        for name, layer in list(parent.named_children()):
            if (isinstance(layer, nn.Linear) or type(layer).__name__ == "Conv1D") and name != "lm_head":
                setattr(parent, name, Adapted(layer, rank, alpha, dropout))


def merge(model: nn.Module) -> None:
    """Put every adapter into the layer it belongs to."""
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, Adapted):
                setattr(parent, name, layer.merged())
