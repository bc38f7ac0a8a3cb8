"""Any encoder-decoder of transformers (MarianMT, T5, BART…), as one network to train and as two graphs to ship."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

Tensors = dict[str, torch.Tensor]


class Pretrained(nn.Module):
    """Source and target ids -> logits float [M, V] of the target positions that are not padding, row by row.

    Attention is spelled out: the decoder tells where it looked."""

    def __init__(self, config: Mapping[str, Any], dropout: float | None) -> None:
        super().__init__()
        from transformers import AutoConfig, AutoModelForSeq2SeqLM

        known = AutoConfig.for_model(**config)
        if dropout is not None:
            for name in ("dropout", "dropout_rate"):
                if hasattr(known, name):
                    setattr(known, name, dropout)
        self.model = AutoModelForSeq2SeqLM.from_config(known, attn_implementation="eager")

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, target_ids: torch.Tensor, target_mask: torch.Tensor
    ) -> Tensors:
        logits = self.model(
            input_ids=input_ids, attention_mask=attention_mask, decoder_input_ids=target_ids, use_cache=False
        ).logits
        return {"logits": logits.flatten(0, 1)[target_mask.flatten().nonzero().squeeze(1)]}

    def past(self) -> list[list[int]]:
        """Heads and width of each tensor that the decoder hands on (those of the cross attention are alike)."""
        ids = torch.ones(1, 1, dtype=torch.long, device=next(self.parameters()).device)
        with torch.no_grad():
            memory = Encoding(self)(ids, None)
        return [[tensor.shape[1], tensor.shape[3]] for tensor in memory.values()]


class Encoding(nn.Module):
    """input_ids and attention_mask int64 [B, S] -> keys and values of the cross attention of each decoder layer,
    `memory_<n>` float32 [B, H, S, D/H]."""

    def __init__(self, network: Pretrained) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None) -> Tensors:
        from transformers.modeling_outputs import BaseModelOutput

        model = self.network.model
        states = model.get_encoder()(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        # one step of the decoder fills its cache of the cross attention, whatever the model calls its parts
        start = torch.full_like(input_ids[:, :1], model.config.decoder_start_token_id)
        cache = model(
            encoder_outputs=BaseModelOutput(last_hidden_state=states), attention_mask=attention_mask,
            decoder_input_ids=start, use_cache=True,
        ).past_key_values.cross_attention_cache  # fmt: skip
        return {f"memory_{n}": tensor for n, tensor in enumerate(t for x in cache.layers for t in (x.keys, x.values))}


class Decoding(nn.Module):
    """One step: tokens int64 [B, K], attention_mask [B, S], `memory_*` of `Encoding`, `past_*` float32
    [B * K, H, T, D/H] -> `logprobs` [B, K, V], `attention` [B, K, S] (mean over the heads of the last layer but one)
    and `present_*`, one position longer."""

    def __init__(self, network: Pretrained) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: torch.Tensor, attention_mask: torch.Tensor, **states: torch.Tensor) -> Tensors:
        from transformers.modeling_outputs import BaseModelOutput

        model, (rows, beams) = self.network.model, tokens.shape
        mask = _repeated(attention_mask, beams)
        # the cross attention reads its cache: of these states only the shape matters
        nothing = torch.zeros(1, 1, model.config.hidden_size).expand(mask.shape[0], mask.shape[1], -1)
        made = model(
            encoder_outputs=BaseModelOutput(last_hidden_state=nothing), attention_mask=mask, use_cache=True,
            decoder_input_ids=tokens.reshape(-1, 1), past_key_values=_cache(states, beams), output_attentions=True,
        )  # fmt: skip
        layers = made.past_key_values.self_attention_cache.layers
        looks = made.cross_attentions[max(0, len(made.cross_attentions) - 2)].mean(dim=1)
        return {
            "logprobs": torch.log_softmax(made.logits[:, -1], dim=-1).unflatten(0, (rows, beams)),
            "attention": looks.unflatten(0, (rows, beams)).squeeze(2),
            **{f"present_{n}": tensor for n, tensor in enumerate(t for x in layers for t in (x.keys, x.values))},
        }  # fmt: skip


def _cache(states: Mapping[str, torch.Tensor], beams: Any) -> Any:
    """What transformers keeps between steps, made of our tensors."""
    from transformers.cache_utils import DynamicCache, EncoderDecoderCache

    own, cross = DynamicCache(), DynamicCache()
    layers = sum(name.startswith("past_") for name in states) // 2
    for layer in range(layers):
        names = (2 * layer, 2 * layer + 1)
        own.update(*(states[f"past_{n}"] for n in names), layer)
        cross.update(*(_repeated(states[f"memory_{n}"], beams) for n in names), layer)
    cache = EncoderDecoderCache(own, cross)
    for layer in range(layers):
        cache.is_updated[layer] = True
    return cache


def _repeated(tensor: torch.Tensor, times: Any) -> torch.Tensor:
    """Each row so many times."""
    return tensor.unsqueeze(1).expand(-1, times, *[-1] * (tensor.ndim - 1)).flatten(0, 1)
