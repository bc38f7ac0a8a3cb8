"""A decoder over any graph with past keys and values: what the graph left is fed back into it.

Each sequence runs as a call of its own, so that its numbers depend on no other (docs/decisions/0003-same-bytes.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelworks.contracts.decoder import Cache

Run = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


@dataclass(slots=True)
class Kept:
    """What a sequence left: its states by name, and its length."""

    states: dict[str, np.ndarray]
    length: int = 0


class Cached:
    """contracts.decoder.Decoder over a graph's function."""

    def __init__(self, run: Run, cache: Cache) -> None:
        self.vocabulary, self.context = cache.vocabulary, cache.context
        self._run = run
        self._empty = {
            name: np.zeros((1, heads, 0, width), np.float32) for name, (heads, width) in cache.states.items()
        }

    def open(self, wait: bool = True) -> Kept:
        return Kept(dict(self._empty))

    def step(self, feeds: Sequence[tuple[Kept, np.ndarray]]) -> list[np.ndarray]:
        return [self.scores(handle, tokens)[-1] for handle, tokens in feeds]

    def scores(self, handle: Kept, tokens: np.ndarray) -> np.ndarray:
        past = {f"past.{name}": state for name, state in handle.states.items()}
        left = self._run({"input_ids": np.asarray(tokens, np.int64)[None], **past})
        handle.states = {name: left[f"present.{name}"] for name in handle.states}
        handle.length += len(tokens)
        logits: np.ndarray = left["logits"][0]
        return logits

    def reset(self, handle: Kept) -> None:
        handle.states, handle.length = dict(self._empty), 0

    def close(self, handle: Kept) -> None:
        handle.states = {}
