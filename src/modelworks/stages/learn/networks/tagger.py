"""A small word tagger: hashed letters, word, shape -> two-way LSTM -> tag of each word."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

SHAPES, CASES = 13, 5
"""Numbers of classes of `text.shape.v1`."""


class WordReader(nn.Module):
    """What words look like and where they stand: words as ids, hashed letters, shape -> two-way LSTM.

    Args:
        extra: width of further features of each position that `forward` is given; 0 for none.
    """

    def __init__(
        self, *, words: int, buckets: int, width: int, hidden: int, layers: int, dropout: float, word_dropout: float,
        extra: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.word_dropout = word_dropout
        self.word, self.gram = _embedding(words, width), _embedding(buckets + 1, width)
        self.shape, self.case = _embedding(SHAPES, 16), _embedding(CASES, 16)
        sizes = [2 * width + 32 + extra, *[2 * hidden] * (layers - 1)]
        self.forwards = nn.ModuleList([nn.LSTM(size, hidden, batch_first=True) for size in sizes])
        self.backwards = nn.ModuleList([nn.LSTM(size, hidden, batch_first=True) for size in sizes])
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, words: torch.Tensor, grams: torch.Tensor, shapes: torch.Tensor, mask: torch.Tensor,
        extra: torch.Tensor | None = None,
    ) -> torch.Tensor:  # fmt: skip
        """Int64 [B, T], [B, T, G], [B, T, 2], the mask [B, T], float32 [B, T, E] -> float32 [B, T, 2 H]."""
        if self.training:
            words = torch.where(
                (torch.rand(words.shape, device=words.device) < self.word_dropout) & (words > 0), 1, words
            )
            grams = grams * (torch.rand(grams.shape, device=grams.device) > 0.1)
        some = (grams > 0).sum(2, keepdim=True).clamp(min=1).to(torch.float32)
        letters = self.gram(grams).sum(2) / some.sqrt()
        parts = [self.word(words), letters, self.shape(shapes[..., 0]), self.case(shapes[..., 1])]
        hidden = torch.cat(parts if extra is None else [*parts, extra], -1)
        order = _turned(mask)
        for ahead, behind in zip(self.forwards, self.backwards, strict=True):
            hidden = _both_ways(ahead, behind, self.dropout(hidden), order)
        return hidden


class WordTagger(nn.Module):
    """Words as ids -> logits [B, T, C]; `sizes` as in WordReader."""

    def __init__(self, classes: int, *, dropout: float, hidden: int, **sizes: Any) -> None:
        super().__init__()
        self.reader = WordReader(dropout=dropout, hidden=hidden, **sizes)
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(2 * hidden, classes)

    def forward(
        self, words: torch.Tensor, grams: torch.Tensor, shapes: torch.Tensor, attention_mask: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Int64 [B, T], [B, T, G], [B, T, 2] and the mask [B, T] -> float32 logits [B, T, C]."""
        return {"logits": self.head(self.dropout(self.reader(words, grams, shapes, attention_mask)))}


def _turned(mask: torch.Tensor) -> torch.Tensor:
    """Positions [B, T, 1] of each row from its own end to its start, what is filled up staying in place."""
    steps = torch.arange(mask.shape[1], device=mask.device)
    turned = mask.sum(1, keepdim=True) - 1 - steps
    return torch.where(turned >= 0, turned, steps).unsqueeze(-1)


def _both_ways(ahead: Any, behind: Any, x: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    """Two LSTMs over padded rows as if each row were alone: the second reads each row's own end first."""
    first, _ = ahead(x)
    second, _ = behind(x.gather(1, order.expand(-1, -1, x.shape[2])))
    return torch.cat([first, second.gather(1, order.expand(-1, -1, second.shape[2]))], -1)


def _embedding(size: int, width: int) -> nn.Embedding:
    table = nn.Embedding(size, width, padding_idx=0)
    nn.init.normal_(table.weight, std=0.1)
    with torch.no_grad():
        table.weight[0].zero_()
    return table
