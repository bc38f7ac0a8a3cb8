"""A small word tagger: hashed letters, word, shape -> two-way LSTM -> tag of each word."""

from __future__ import annotations

import torch
from torch import nn

SHAPES, CASES = 13, 5
"""Numbers of classes of `text.shape.v1`."""


class WordTagger(nn.Module):
    """Words as ids -> logits [B, T, C]."""

    def __init__(
        self, classes: int, *, words: int, buckets: int, width: int, hidden: int, dropout: float, word_dropout: float
    ) -> None:  # fmt: skip
        super().__init__()
        self.word_dropout = word_dropout
        self.word, self.gram = _embedding(words, width), _embedding(buckets + 1, width)
        self.shape, self.case = _embedding(SHAPES, 16), _embedding(CASES, 16)
        self.forwards = nn.LSTM(2 * width + 32, hidden, batch_first=True)
        self.backwards = nn.LSTM(2 * width + 32, hidden, batch_first=True)
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(2 * hidden, classes)

    def forward(
        self, words: torch.Tensor, grams: torch.Tensor, shapes: torch.Tensor, attention_mask: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Int64 [B, T], [B, T, G], [B, T, 2] and the mask [B, T] -> float32 logits [B, T, C]."""
        if self.training:
            words = torch.where(
                (torch.rand(words.shape, device=words.device) < self.word_dropout) & (words > 0), 1, words
            )
            grams = grams * (torch.rand(grams.shape, device=grams.device) > 0.1)
        some = (grams > 0).sum(2, keepdim=True).clamp(min=1).to(torch.float32)
        letters = self.gram(grams).sum(2) / some.sqrt()
        seen = torch.cat([self.word(words), letters, self.shape(shapes[..., 0]), self.case(shapes[..., 1])], -1)
        hidden = self._both_ways(self.dropout(seen), attention_mask)
        return {"logits": self.head(self.dropout(hidden))}

    def _both_ways(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Two LSTMs over padded rows as if each row were alone: the second reads each row's own end first."""
        steps = torch.arange(x.shape[1], device=x.device)
        turned = mask.sum(1, keepdim=True) - 1 - steps
        order = torch.where(turned >= 0, turned, steps).unsqueeze(-1)
        ahead, _ = self.forwards(x)
        behind, _ = self.backwards(x.gather(1, order.expand(-1, -1, x.shape[2])))
        return torch.cat([ahead, behind.gather(1, order.expand(-1, -1, behind.shape[2]))], -1)


def _embedding(size: int, width: int) -> nn.Embedding:
    table = nn.Embedding(size, width, padding_idx=0)
    nn.init.normal_(table.weight, std=0.1)
    with torch.no_grad():
        table.weight[0].zero_()
    return table
