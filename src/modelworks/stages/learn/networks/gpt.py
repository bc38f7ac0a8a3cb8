"""A compact GPT: a pre-norm transformer that reads from left to right.

Rotary positions (Su et al. 2021), RMSNorm without weights (Zhang & Sennrich 2019), normalized queries and keys (Henry
et al. 2020), squared ReLU (So et al. 2021), soft-capped logits (Gemma 2). The few tokens before each one are added to
its embedding, each by a table of its own: what a short convolution would learn, at the cost of a lookup. Each layer
mixes the embedding in again (modded-nanogpt's value residual, in its simplest form).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

_CAP = 15.0
_BASE = 1000.0
"""Of the rotary frequencies: contexts are short."""


class GPT(nn.Module):
    """`forward(input_ids [B, T], **states)` -> `logits` [B, T, V] and the present states.

    States are `past.<i>.key` and `past.<i>.value` [B, H, P, D], and `past.ids` float [B, 1, P, 1], the tokens read
    so far; without any, P is 0 and none is returned."""

    def __init__(
        self, vocabulary: int, *, layers: int, width: int, heads: int, context: int, before: int, dropout: float
    ) -> None:
        super().__init__()
        self.vocabulary, self.context, self.heads, self.before = vocabulary, context, heads, before
        self.embedding = nn.Embedding(vocabulary, width)
        self.earlier = nn.ModuleList(nn.Embedding(vocabulary, width) for _ in range(before))
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.keep, self.mix = nn.Parameter(torch.ones(layers)), nn.Parameter(torch.zeros(layers))
        self.head = nn.Linear(width, vocabulary, bias=False)
        nn.init.zeros_(self.head.weight)
        for table in self.earlier:
            nn.init.normal_(table.weight, std=0.3)
        cosine, sine = rotary(context, width // heads)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)

    @property
    def states(self) -> dict[str, tuple[int, int]]:
        """State -> (heads, width), as contracts.decoder.Cache has them."""
        width = self.embedding.embedding_dim // self.heads
        pairs = {f"{i}.{side}": (self.heads, width) for i in range(len(self.blocks)) for side in ("key", "value")}
        return {"ids": (1, 1), **pairs}

    def forward(self, input_ids: Tensor, **states: Tensor) -> dict[str, Tensor]:
        read, length = states.get("past.ids"), input_ids.shape[1]
        tokens = input_ids if read is None else torch.cat([read[:, 0, :, 0].long(), input_ids], 1)
        x = begun = self._embedded(tokens)[:, tokens.shape[1] - length :]
        start, end = tokens.shape[1] - length, tokens.shape[1]
        places = self.cosine[start:end], self.sine[start:end]
        order = torch.arange(end, device=x.device)
        hidden = order[None, :] > order[start:, None]
        present: dict[str, Tensor] = {}
        for i, block in enumerate(self.blocks):
            x = self.keep[i].to(x.dtype) * x + self.mix[i].to(x.dtype) * begun
            past = (states[f"past.{i}.key"], states[f"past.{i}.value"]) if states else None
            x, present[f"present.{i}.key"], present[f"present.{i}.value"] = block(x, places, hidden, past)
        logits = _CAP * torch.tanh(self.head(normalized(x)).float() / _CAP)
        if not states:
            return {"logits": logits}
        return {"logits": logits, "present.ids": tokens[:, None, :, None].float(), **present}

    def _embedded(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        padded = functional.pad(tokens, (self.before, 0))
        for distance, table in enumerate(self.earlier, 1):
            x = x + table(padded[:, self.before - distance : padded.shape[1] - distance])
        x = normalized(x)
        return x.bfloat16() if torch.is_autocast_enabled(x.device.type) else x


class Block(nn.Module):
    """Attention, then a wide layer; both added to what came in."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query_key_value = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.down.weight)

    def forward(
        self, x: Tensor, places: tuple[Tensor, Tensor], hidden: Tensor, past: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        batch, length, width = x.shape
        made = self.query_key_value(normalized(x)).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = made.permute(2, 0, 3, 1, 4)
        query, key = (turned(normalized(side), *places).to(value.dtype) for side in (query, key))
        if past is not None:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        # Spelled out: on a processor, in bfloat16, it is twice as quick as the fused kernel at such lengths.
        scores = (query @ key.transpose(-1, -2)) * (width // self.heads) ** -0.5
        weights = scores.masked_fill(hidden, float("-inf")).softmax(-1).to(value.dtype)
        seen = (weights @ value).transpose(1, 2).reshape(batch, length, width)
        x = x + self._dropped(self.out(seen))
        return x + self._dropped(self.down(functional.relu(self.up(normalized(x))).square())), key, value

    def _dropped(self, x: Tensor) -> Tensor:
        return functional.dropout(x, self.dropout, self.training) if self.dropout else x


def normalized(x: Tensor) -> Tensor:
    """Root mean square 1 along the last axis."""
    if torch.jit.is_tracing():  # the exporter has no operator for it
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)
    return functional.rms_norm(x, (x.size(-1),), eps=1e-6)


def rotary(length: int, width: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines [length, width / 2]."""
    angles = torch.arange(length)[:, None] / _BASE ** (torch.arange(0, width, 2) / width)
    return angles.cos(), angles.sin()


def turned(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Pairs (first half, second half) of the last axis, turned by their position."""
    half = x.shape[-1] // 2
    one, two = x[..., :half], x[..., half:]
    return torch.cat([one * cosine - two * sine, one * sine + two * cosine], -1)


class Stepping(nn.Module):
    """A causal network as a graph with past states."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, **feeds: Tensor) -> Mapping[str, Tensor]:
        left: Mapping[str, Tensor] = self.network(**feeds)
        return left
