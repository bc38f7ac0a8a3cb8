"""A pretrained encoder that reads a question beside a context and points at the answer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modelworks.ops.pair import ECHOES, MATCHES
from modelworks.stages.learn.networks.encoder import CASES, SHAPES, TextEncoder

_SPECIAL, _QUESTION = MATCHES.index("special"), MATCHES.index("question")
MARKS = (len(MATCHES), SHAPES, CASES, ECHOES)
"""Classes of each column of marks."""
FAR = -1e4
"""The logit of a position where no answer can begin or end."""


class SpanReader(nn.Module):
    """Logits of "the answer begins here", "ends here" for each position of the context; position 0, which has a head
    of its own, speaks for "no answer".

    Words that the question has too (Chen et al. 2017, DrQA's exact match), sentences that repeat much of it, and letter
    case come in as embeddings, beside the words and again before the head."""

    def __init__(self, encoder: TextEncoder, dropout: float) -> None:
        super().__init__()
        self.encoder, self.dropout = encoder, nn.Dropout(dropout)
        self.marks_in = nn.ModuleList(nn.Embedding(count, encoder.width) for count in MARKS)
        self.marks_out = nn.ModuleList(nn.Embedding(count, 16) for count in MARKS)
        self.head = nn.Linear(encoder.width + 16 * len(MARKS), 2)
        self.nothing = nn.Linear(encoder.width, 2)
        for table in self.marks_in:
            nn.init.normal_(table.weight, std=0.01)

    def forward(self, input_ids: Tensor, marks: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """Int64 [B, L], [B, L, 4] (columns of `pair.subwords.v1` but the id), [B, L] -> logits [B, L, 2]."""
        columns = marks.unbind(-1)
        states = self.encoder(input_ids, attention_mask, _sum(self.marks_in, columns))
        beside = [table(column).to(states.dtype) for table, column in zip(self.marks_out, columns, strict=True)]
        seen = torch.cat([states, *beside], -1)
        logits = self.head(self.dropout(seen)).float()
        outside = (columns[0] == _SPECIAL) | (columns[0] == _QUESTION)
        logits = logits.masked_fill(outside.unsqueeze(-1), FAR)
        none = self.nothing(self.dropout(states[:, :1])).float()
        return {"logits": torch.cat([none, logits[:, 1:]], 1)}


def _sum(tables: nn.ModuleList, columns: tuple[Tensor, ...]) -> Tensor:
    """Sum of the embeddings of all columns, float32 [B, L, D]."""
    total: Tensor = sum(table(column) for table, column in zip(tables, columns, strict=True))
    return total
