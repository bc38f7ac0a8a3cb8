"""A pretrained encoder that reads a question beside a context and points at the answer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modelworks.ops.pair import MATCHES
from modelworks.stages.learn.networks.encoder import CASES, SHAPES, TextEncoder

_SPECIAL, _QUESTION = MATCHES.index("special"), MATCHES.index("question")
FAR = -1e4
"""The logit of a position where no answer can begin or end."""


class SpanReader(nn.Module):
    """Logits of "the answer begins here", "ends here" for each position of the context; position 0, which has a head
    of its own, speaks for "no answer".

    Words that the question has too (Chen et al. 2017, DrQA's exact match) and letter case come in as embeddings, beside
    the words and again before the head."""

    def __init__(self, encoder: TextEncoder, dropout: float) -> None:
        super().__init__()
        self.encoder, self.dropout = encoder, nn.Dropout(dropout)
        self.match_in, self.shape_in, self.case_in = (
            nn.Embedding(count, encoder.width) for count in (len(MATCHES), SHAPES, CASES)
        )
        self.match_out, self.shape_out = nn.Embedding(len(MATCHES), 16), nn.Embedding(SHAPES, 16)
        self.head = nn.Linear(encoder.width + 32, 2)
        self.nothing = nn.Linear(encoder.width, 2)
        for table in (self.match_in, self.shape_in, self.case_in):
            nn.init.normal_(table.weight, std=0.01)

    def forward(self, input_ids: Tensor, marks: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """Int64 [B, L], [B, L, 3] (columns of `pair.subwords.v1` but the id), [B, L] -> logits [B, L, 2]."""
        match, shape, case = marks.unbind(-1)
        extra = self.match_in(match) + self.shape_in(shape) + self.case_in(case)
        states = self.encoder(input_ids, attention_mask, extra)
        seen = torch.cat([states, self.match_out(match).to(states.dtype), self.shape_out(shape).to(states.dtype)], -1)
        logits = self.head(self.dropout(seen)).float()
        outside = (match == _SPECIAL) | (match == _QUESTION)
        logits = logits.masked_fill(outside.unsqueeze(-1), FAR)
        none = self.nothing(self.dropout(states[:, :1])).float()
        return {"logits": torch.cat([none, logits[:, 1:]], 1)}
