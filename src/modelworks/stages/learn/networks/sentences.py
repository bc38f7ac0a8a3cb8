"""Networks that score the sentences of a text."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modelworks.ops._sentence_windows import FARTHEST
from modelworks.stages.learn.networks.encoder import TextEncoder, depth_of


class SentenceBag(nn.Module):
    """Linear in the features of a sentence that are there."""

    ones: Tensor

    def __init__(self, features: int, most: int) -> None:
        super().__init__()
        self.features = features
        self.table = nn.Embedding(features + 1, 1, padding_idx=features)
        nn.init.zeros_(self.table.weight)
        self.register_buffer("ones", torch.ones(most, 1), persistent=False)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Int32 [B, S, F], filled up with the number of features -> logits float32 [B, S, 1]."""
        return {"logits": self.table(features).squeeze(-1) @ self.ones}  # by MatMul: docs/decisions/0003-same-bytes.md


class SentenceEncoder(nn.Module):
    """Encoder over a whole window; the mean of a sentence's positions and its place -> tanh layer -> logit."""

    def __init__(self, encoder: TextEncoder, dropout: float) -> None:
        super().__init__()
        width = encoder.width
        self.encoder, self.dropout = encoder, nn.Dropout(dropout)
        self.before, self.behind = nn.Embedding(FARTHEST + 1, width), nn.Embedding(FARTHEST + 1, width)
        self.hidden, self.head = nn.Linear(width, width), nn.Linear(width, 1)
        for table in (self.before, self.behind):
            nn.init.normal_(table.weight, std=0.01)
        nn.init.eye_(self.hidden.weight)
        nn.init.zeros_(self.hidden.bias)
        nn.init.normal_(self.head.weight, std=0.02)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, owners: Tensor, places: Tensor) -> dict[str, Tensor]:
        """Int64 [B, T] three times and [B, S, 2] (`ops/_sentence_windows.py`) -> logits float32 [B, S]."""
        states = self.encoder(input_ids, attention_mask)
        numbers = torch.arange(places.shape[1], device=places.device)
        with torch.autocast(states.device.type, enabled=False):
            member = (owners.unsqueeze(1) == numbers.unsqueeze(1)).float()
            mean = (member @ states.float()) / member.sum(2, keepdim=True).clamp(min=1)
        mean = mean + self.before(places[..., 0]) + self.behind(places[..., 1])
        hidden = torch.tanh(self.hidden(self.dropout(mean)))
        return {"logits": self.head(self.dropout(hidden)).squeeze(-1)}


def freeze_below(encoder: nn.Module, layers: int) -> None:
    """Let only the topmost so many layers of an encoder learn."""
    depths = {name: depth_of(name) for name, _ in encoder.named_parameters()}
    top = max((depth for depth in depths.values() if depth is not None), default=0)
    for name, parameter in encoder.named_parameters():
        depth = depths[name]
        if depth is None or depth <= top - layers:
            parameter.requires_grad_(False)
