"""Pretrained text encoders (any AutoModel) with a head for whole texts or for each position."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from modelworks.stages.learn.networks.tagger import WordReader

SHAPES, CASES = 13, 5
"""Numbers of classes of `text.shape.v1`."""
_LAYER = re.compile(r"\.layers?\.(\d+)\.|\.h\.(\d+)\.|\.block\.(\d+)\.")


def structure(config: dict[str, Any], dropout: float) -> nn.Module:
    """An encoder with random weights from the plain data of a transformers configuration."""
    from transformers import AutoConfig, AutoModel

    values = {name: value for name, value in config.items() if name != "model_type"}
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout"):
        if isinstance(values.get(name), float):
            values[name] = dropout
    made = AutoConfig.for_model(config["model_type"], **values)
    extra = {"add_pooling_layer": False} if config["model_type"] in ("bert", "roberta", "xlm-roberta") else {}
    encoder: nn.Module = AutoModel.from_config(made, attn_implementation="sdpa", **extra)
    return encoder.float()


def depth_of(name: str) -> int | None:
    """Number of the layer a parameter belongs to; None outside of the layers."""
    match = _LAYER.search(name)
    return None if match is None else int(next(group for group in match.groups() if group is not None))


class TextEncoder(nn.Module):
    """Encoder over ids, with some of the input tokens hidden while training."""

    def __init__(self, config: dict[str, Any], *, dropout: float, mask: int | None, special: list[int], hide: float):
        super().__init__()
        self.model = structure(config, dropout)
        self.width = int(self.model.config.hidden_size)
        self._mask, self._special, self._hide = mask, special, hide

    def freeze_embeddings(self) -> None:
        """Keep word and position embeddings as they are: a tenth quicker, and no worse on small data."""
        for name, parameter in self.model.named_parameters():
            if "embeddings" in name and parameter.ndim > 1:
                parameter.requires_grad_(False)

    def forward(self, ids: Tensor, mask: Tensor, extra: Tensor | None = None) -> Tensor:
        """Int64 [B, T] twice, and float32 [B, T, D] that is added to the input embeddings -> float32 [B, T, D]."""
        ids = self._hidden(ids)
        if extra is None:
            out: Tensor = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        else:
            embedded = self.model.get_input_embeddings()(ids) + extra
            out = self.model(inputs_embeds=embedded, attention_mask=mask).last_hidden_state
        return out

    def _hidden(self, ids: Tensor) -> Tensor:
        if not self.training or self._mask is None or not self._hide:
            return ids
        free = ~torch.isin(ids, torch.tensor(self._special, device=ids.device))
        return torch.where((torch.rand(ids.shape, device=ids.device) < self._hide) & free, self._mask, ids)


def mean_of(states: Tensor, mask: Tensor) -> Tensor:
    """Mean of the positions [B, T, D] that the mask [B, T] shows, float32 [B, D].

    A matrix product, so that padding does not change its last bits (docs/decisions/0003-same-bytes.md); always in
    float32, since bfloat16 would keep three digits of a mean."""
    with torch.autocast(states.device.type, enabled=False):
        weights = mask.unsqueeze(1).float()
        total = (weights @ states.float()).squeeze(1)
        return total / weights.sum(2).clamp(min=1)


class TextClassifier(nn.Module):
    """Mean of the positions -> tanh layer -> logits [B, C]."""

    def __init__(self, encoder: TextEncoder, classes: int, dropout: float) -> None:
        super().__init__()
        self.encoder, self.dropout = encoder, nn.Dropout(dropout)
        self.hidden, self.head = nn.Linear(encoder.width, encoder.width), nn.Linear(encoder.width, classes)
        nn.init.eye_(self.hidden.weight)  # so that a linear model of the frozen means is a good first head
        nn.init.zeros_(self.hidden.bias)
        nn.init.normal_(self.head.weight, std=0.02)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        features = self.features(input_ids, attention_mask)
        return {"logits": self.head(self.dropout(features))}

    def features(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Float32 [B, D]: what the head reads."""
        states = self.encoder(input_ids, attention_mask)
        return torch.tanh(self.hidden(self.dropout(mean_of(states, attention_mask))))


class TokenClassifier(nn.Module):
    """A class for each position. Letter case, which uncased encoders do not see, comes in as embeddings of the
    word's shape: beside the words, and again before the head."""

    def __init__(self, encoder: TextEncoder, classes: int, dropout: float) -> None:
        super().__init__()
        self.encoder, self.dropout = encoder, nn.Dropout(dropout)
        self.shape_in, self.case_in = nn.Embedding(SHAPES, encoder.width), nn.Embedding(CASES, encoder.width)
        self.shape_out = nn.Embedding(SHAPES, 32)
        self.head = nn.Linear(encoder.width + 32, classes)
        nn.init.normal_(self.shape_in.weight, std=0.01)
        nn.init.normal_(self.case_in.weight, std=0.01)

    def forward(self, input_ids: Tensor, shapes: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        """Int64 [B, T], [B, T, 2], [B, T] -> logits [B, T, C]."""
        return {"logits": self.head(self.dropout(self.features(input_ids, shapes, attention_mask)))}

    def features(self, input_ids: Tensor, shapes: Tensor, attention_mask: Tensor) -> Tensor:
        """Float32 [B, T, D + 32]: what the head reads."""
        extra = self.shape_in(shapes[..., 0]) + self.case_in(shapes[..., 1])
        states = self.encoder(input_ids, attention_mask, extra)
        return torch.cat([states, self.shape_out(shapes[..., 0]).to(states.dtype)], -1)


class LexicalTokenClassifier(TokenClassifier):
    """A TokenClassifier beside which a reader of words and letters looks at the same positions, and at what the encoder
    makes of them; both say how probable each class is."""

    def __init__(self, encoder: TextEncoder, classes: int, dropout: float, *, hidden: int, **sizes: Any) -> None:
        super().__init__(encoder, classes, dropout)
        self.narrow = nn.Linear(encoder.width, hidden)
        self.reader = WordReader(hidden=hidden, extra=hidden, layers=1, dropout=dropout, **sizes)
        self.second = nn.Linear(2 * hidden, classes)
        nn.init.zeros_(self.second.weight)  # the quick linear model is the first to speak
        nn.init.zeros_(self.second.bias)

    def forward(  # type: ignore[override]
        self, input_ids: Tensor, words: Tensor, grams: Tensor, shapes: Tensor, attention_mask: Tensor
    ) -> dict[str, Tensor]:
        """Int64 [B, T], [B, T], [B, T, G], [B, T, 2], [B, T] -> logits [B, T, C]."""
        features = self.features(input_ids, words, grams, shapes, attention_mask)
        with torch.autocast(features.device.type, enabled=False):
            states = self.narrow(features[..., : self.encoder.width].float())
            read = self.reader(words, grams, shapes, attention_mask, states)
            return {"logits": self.head(self.dropout(features.float())) + self.second(self.dropout(read))}

    def features(  # type: ignore[override]
        self, input_ids: Tensor, words: Tensor, grams: Tensor, shapes: Tensor, attention_mask: Tensor
    ) -> Tensor:
        """Float32 [B, T, D + 32]: what the first head reads."""
        return super().features(input_ids, shapes, attention_mask)
