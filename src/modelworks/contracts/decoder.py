"""Decoder: a causal network that remembers what it read, so that a text can grow token by token.

An op reaches one by `tools.decoder(graph)`. Each engine has its own: an ONNX graph with past keys and values, a GGUF
file in llama.cpp. Several threads may use one decoder at once; an engine may run their steps as one batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from msgspec import Struct

Handle = Any
"""A sequence that a decoder keeps: opaque, closed by whoever opened it."""


class Cache(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a graph with past keys and values needs told: it takes `input_ids` int64 [1, T] and each of its states as
    `past.<name>` float32 [1, H, P, D], and leaves `logits` float32 [1, T, vocabulary] and `present.<name>`
    [1, H, P + T, D]."""

    vocabulary: int
    context: int
    states: dict[str, tuple[int, int]]
    """State, as `0.key` -> its (H, D)."""


class Decoder(Protocol):
    """What `tools.decoder` gives. Tokens are int64 [T] with T >= 1, logits float32 [vocabulary]."""

    vocabulary: int
    """How many tokens there are."""
    context: int
    """Most tokens a sequence may hold."""

    def open(self, wait: bool = True) -> Handle | None:
        """An empty sequence. An engine may hold only so many: then it waits until one is closed, or gives None. Who
        holds one already must not wait for another: two such callers could wait for each other."""

    def step(self, feeds: Sequence[tuple[Handle, np.ndarray]]) -> list[np.ndarray]:
        """Append tokens to sequences, all at once; the logits after the last token of each."""

    def scores(self, handle: Handle, tokens: np.ndarray) -> np.ndarray:
        """Append tokens; the logits after every one of them, float32 [T, vocabulary]."""

    def reset(self, handle: Handle) -> None:
        """Empty a sequence, to read anew."""

    def close(self, handle: Handle) -> None:
        """Forget a sequence."""
