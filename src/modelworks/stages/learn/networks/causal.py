"""Any causal language model of transformers, as a graph with past keys and values."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Pretrained(nn.Module):
    """`forward(input_ids [B, T], **states)` as of networks.gpt.GPT; `model` is an AutoModelForCausalLM."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        from transformers import AutoConfig, AutoModelForCausalLM

        known = AutoConfig.for_model(config["model_type"], **{k: v for k, v in config.items() if k != "model_type"})
        self.model = AutoModelForCausalLM.from_config(known, attn_implementation="eager", dtype=torch.float32)
        self.vocabulary = int(known.vocab_size)
        self.context = int(getattr(known, "max_position_embeddings", 0) or getattr(known, "n_positions", 0) or 1024)

    @property
    def states(self) -> dict[str, tuple[int, int]]:
        """State -> (heads, width): found by reading one token."""
        from transformers import DynamicCache

        cache = DynamicCache()
        with torch.inference_mode():
            self.model(torch.zeros(1, 1, dtype=torch.long), past_key_values=cache, use_cache=True)
        shapes = {}
        for i, layer in enumerate(cache.layers):
            shapes[f"{i}.key"] = (layer.keys.shape[1], layer.keys.shape[3])
            shapes[f"{i}.value"] = (layer.values.shape[1], layer.values.shape[3])
        return shapes

    def forward(self, input_ids: Tensor, **states: Tensor) -> dict[str, Tensor]:
        from transformers import DynamicCache

        cache = DynamicCache()
        for i in range(len(states) // 2):
            cache.update(states[f"past.{i}.key"], states[f"past.{i}.value"], i)
        length = input_ids.shape[1]
        whole = length + (states["past.0.key"].shape[2] if states else 0)
        order = torch.arange(whole, device=input_ids.device)
        late = order[None, :] > order[whole - length :, None]
        hidden = torch.zeros(late.shape, device=late.device).masked_fill(late, torch.finfo(torch.float32).min)
        made = self.model(
            input_ids, past_key_values=cache if states else None, use_cache=bool(states),
            attention_mask=hidden[None, None], position_ids=order[None, whole - length :],
        )  # fmt: skip
        left = {"logits": made.logits}
        for i, layer in enumerate(cache.layers if states else ()):
            left[f"present.{i}.key"], left[f"present.{i}.value"] = layer.keys, layer.values
        return left
