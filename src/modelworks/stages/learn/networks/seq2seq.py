"""A compact encoder-decoder transformer (Vaswani et al. 2017), norms first (Xiong et al. 2020).

Trained as one network (`forward`); shipped as two graphs: `Encoding` reads a text once and leaves what the decoder
looks at, `Decoding` writes one token a call and hands on its keys and values, so that nothing is computed twice.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.functional import linear, relu

from modelworks.stages.learn.networks.dropout import Dropout

POSITIONS = 2048
"""Most tokens of a text on either side."""
Tensors = dict[str, torch.Tensor]


def attended(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """[B, H, T, D] of queries, keys and values; mask bool, True: may be seen.

    Spelled out: for texts of some twenty tokens torch's fused attention takes a third of a training step (measured)."""
    scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
    return torch.softmax(scores.masked_fill(~mask, -1e9), dim=-1) @ value


class SelfAttention(nn.Module):
    """Attention of a sequence to itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inner, self.outer = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Float [B, T, D] -> the same; a mask (bool, True: may be seen) or, without one, only what came before."""
        query, key, value = self.split(x).permute(2, 0, 3, 1, 4).unbind(0)
        if mask is None:
            mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
        y = attended(query, key, value, mask)
        return self.joined(y.transpose(1, 2))

    def split(self, x: torch.Tensor) -> torch.Tensor:
        """[A, B, D] -> queries, keys and values, [A, B, 3, H, D/H]."""
        return self.inner(x).view(x.shape[0], x.shape[1], 3, self.heads, x.shape[2] // self.heads)

    def joined(self, y: torch.Tensor) -> torch.Tensor:
        """[A, B, H, D/H] -> [A, B, D]."""
        made: torch.Tensor = self.outer(y.flatten(2))
        return made


class CrossAttention(nn.Module):
    """Attention of the written text to the source."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.memory = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.outer = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, memory: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        key, value = self.remembered(memory)
        return self.joined(attended(self.asked(x), key, value, mask))

    def asked(self, x: torch.Tensor) -> torch.Tensor:
        """[B, T, D] -> queries [B, H, T, D/H]."""
        return self._heads(self.query(x))

    def remembered(self, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """States of the source [B, S, D] -> keys and values, each [B, H, S, D/H]."""
        key, value = self.memory(memory).chunk(2, dim=-1)
        return self._heads(key), self._heads(value)

    def joined(self, y: torch.Tensor) -> torch.Tensor:
        """[B, H, T, D/H] -> [B, T, D]."""
        made: torch.Tensor = self.outer(y.transpose(1, 2).flatten(2))
        return made

    def _heads(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(x.shape[0], x.shape[1], self.heads, x.shape[2] // self.heads).transpose(1, 2)


class Layer(nn.Module):
    """One layer of the encoder, or (with `cross`) of the decoder."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float, cross: bool) -> None:
        super().__init__()
        self.self_attention = SelfAttention(width, heads)
        self.cross_attention = CrossAttention(width, heads) if cross else None
        self.first, self.second = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 + cross))
        self.dropout = Dropout(dropout)

    def forward(
        self, x: torch.Tensor, own: torch.Tensor | None, memory: torch.Tensor | None, mask: torch.Tensor | None
    ) -> torch.Tensor:
        x = x + self.dropout(self.self_attention(self.norms[0](x), own))
        if self.cross_attention is not None:
            x = x + self.dropout(self.cross_attention(self.norms[1](x), memory, mask))
        return x + self.dropout(self.feed(x))

    def feed(self, x: torch.Tensor) -> torch.Tensor:
        """The position-wise part, without the residual."""
        made: torch.Tensor = self.second(self.dropout(relu(self.first(self.norms[-1](x)))))
        return made


class Transformer(nn.Module):
    """Source ids int64 [B, S] and target ids int64 [B, T] -> logits float [M, V] of the positions [B, T] that are not
    padding, row by row.

    Args:
        source, target: sizes of the vocabularies; id 0 is padding.
        shared: one vocabulary, one table.
        width, heads, inner, layers: of encoder and decoder alike.
        dropout: of embeddings and of each part of a layer.
    """

    def __init__(
        self, *, source: int, target: int, shared: bool, width: int, heads: int, inner: int, layers: int,
        dropout: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.width, self.heads = width, heads
        self.target = nn.Embedding(target, width, padding_idx=0)
        self.source = self.target if shared else nn.Embedding(source, width, padding_idx=0)
        self.encoder = nn.ModuleList(Layer(width, heads, inner, dropout, cross=False) for _ in range(layers))
        self.decoder = nn.ModuleList(Layer(width, heads, inner, dropout, cross=True) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.dropout = Dropout(dropout)
        self.register_buffer("positions", sinusoids(POSITIONS, width), persistent=False)
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight)
                nn.init.zeros_(part.bias)
            elif isinstance(part, nn.Embedding):
                nn.init.normal_(part.weight, 0, width**-0.5)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, target_ids: torch.Tensor, target_mask: torch.Tensor
    ) -> Tensors:
        mask = (attention_mask != 0)[:, None, None, :]
        memory = self.encoded(input_ids, mask)
        x = self.embedded(self.target, target_ids, 0)
        for layer in self.decoder:
            x = layer(x, None, memory, mask)
        kept = x.flatten(0, 1)[target_mask.flatten().nonzero().squeeze(1)]
        return {"logits": self.logits(kept)}

    def past(self) -> list[list[int]]:
        """Heads and width of each tensor that the decoder hands on."""
        return [[self.heads, self.width // self.heads]] * (2 * len(self.decoder))

    def encoded(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """States of the source, [B, S, D]; mask bool [B, 1, 1, S]."""
        x = self.embedded(self.source, ids, 0)
        for layer in self.encoder:
            x = layer(x, mask, None, None)
        made: torch.Tensor = self.norms[0](x)
        return made

    def embedded(self, table: nn.Module, ids: torch.Tensor, at: int) -> torch.Tensor:
        """[B, T] -> [B, T, D], the first of them at position `at`."""
        places = self.get_buffer("positions")[at : at + ids.shape[1]]
        made: torch.Tensor = self.dropout(table(ids) * math.sqrt(self.width) + places)
        return made

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """[…, D] -> [..., V]; the table of the target tokens is the output matrix."""
        return linear(self.norms[1](x), self.target.weight)


def sinusoids(count: int, width: int) -> torch.Tensor:
    """Fixed positions, float32 [count, width]."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    angles = torch.arange(count)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


class Encoding(nn.Module):
    """input_ids and attention_mask int64 [B, S] -> for each decoder layer `memory_<2l>` (keys, transposed) float32
    [B, H, D/H, S] and `memory_<2l+1>` (values) [B, H, S, D/H]."""

    def __init__(self, network: Transformer) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Tensors:
        memory = self.network.encoded(input_ids, (attention_mask != 0)[:, None, None, :])
        pairs = [layer.cross_attention.remembered(memory) for layer in self.network.decoder]
        flat = [tensor for key, value in pairs for tensor in (key.transpose(2, 3), value)]
        return {f"memory_{n}": tensor for n, tensor in enumerate(flat)}


class Decoding(nn.Module):
    """One step. tokens int64 [B, K] (K beams of each of B texts), attention_mask [B, S], `memory_*` of `Encoding`,
    `past_*` float32 [B * K, H, T, D/H] -> `logprobs` float32 [B, K, V], `attention` [B, K, S] (mean over the heads of
    the last layer but one) and `present_*`, one position longer."""

    def __init__(self, network: Transformer) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: torch.Tensor, attention_mask: torch.Tensor, **states: torch.Tensor) -> Tensors:
        network = self.network
        hidden = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * -1e9
        at = states["past_0"].shape[2]
        places = network.get_buffer("positions")[at : at + 1]
        x = network.target(tokens) * math.sqrt(network.width) + places
        made: Tensors = {}
        looks = []
        for number, layer in enumerate(network.decoder):
            x = x + _own(layer, layer.norms[0](x), states, made, 2 * number)
            changed, look = _across(layer, layer.norms[1](x), states, hidden, 2 * number)
            x = x + changed
            x = x + layer.feed(x)
            looks.append(look)
        return {
            "logprobs": torch.log_softmax(network.logits(x), dim=-1),
            "attention": looks[max(0, len(looks) - 2)].mean(dim=1), **made,
        }  # fmt: skip


def _own(layer: Layer, x: torch.Tensor, states: Tensors, made: Tensors, at: int) -> torch.Tensor:
    """Attention of the newest position [B, K, D] to the whole of its beam."""
    attention = layer.self_attention
    query, key, value = (part.flatten(0, 1).unsqueeze(2) for part in attention.split(x).unbind(2))  # [BK, H, 1, D/H]
    key = torch.cat([states[f"past_{at}"], key], dim=2)
    value = torch.cat([states[f"past_{at + 1}"], value], dim=2)
    made[f"present_{at}"], made[f"present_{at + 1}"] = key, value
    weights = torch.softmax(query @ key.transpose(2, 3) / math.sqrt(key.shape[3]), dim=-1)
    return attention.joined((weights @ value).view(x.shape[0], x.shape[1], attention.heads, -1))


def _across(
    layer: Layer, x: torch.Tensor, states: Tensors, hidden: torch.Tensor, at: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention of all beams [B, K, D] to their text; and its weights [B, H, K, S]."""
    attention = layer.cross_attention
    assert attention is not None
    query = attention.asked(x)
    scores = query @ states[f"memory_{at}"] / math.sqrt(query.shape[3]) + hidden
    weights = torch.softmax(scores, dim=-1)
    return attention.joined(weights @ states[f"memory_{at + 1}"]), weights
