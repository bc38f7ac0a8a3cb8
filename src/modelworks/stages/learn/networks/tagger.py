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
        self.rnn = nn.LSTM(2 * width + 32, hidden, bidirectional=True, batch_first=True)
        self.dropout, self.head = nn.Dropout(dropout), nn.Linear(2 * hidden, classes)

    def forward(
        self, words: torch.Tensor, grams: torch.Tensor, shapes: torch.Tensor, attention_mask: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Int64 [B, T], [B, T, G], [B, T, 2] and the mask [B, T] -> float32 logits [B, T, C]."""
        if self.training:
            words = torch.where((torch.rand(words.shape) < self.word_dropout) & (words > 0), 1, words)
            grams = grams * (torch.rand(grams.shape) > 0.1)
        some = (grams > 0).sum(2, keepdim=True).clamp(min=1).to(torch.float32)
        letters = self.gram(grams).sum(2) / some.sqrt()
        seen = torch.cat([self.word(words), letters, self.shape(shapes[..., 0]), self.case(shapes[..., 1])], -1)
        hidden = _both_ways(self.rnn, self.dropout(seen), attention_mask)
        return {"logits": self.head(self.dropout(hidden))}


def _embedding(size: int, width: int) -> nn.Embedding:
    table = nn.Embedding(size, width, padding_idx=0)
    nn.init.normal_(table.weight, std=0.1)
    with torch.no_grad():
        table.weight[0].zero_()
    return table


def _both_ways(rnn: nn.LSTM, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The LSTM over padded rows, as if each were alone."""
    packed = nn.utils.rnn.pack_padded_sequence(x, mask.sum(1).cpu(), batch_first=True, enforce_sorted=False)
    padded, _ = nn.utils.rnn.pad_packed_sequence(rnn(packed)[0], batch_first=True, total_length=x.shape[1])
    out: torch.Tensor = padded
    return out
