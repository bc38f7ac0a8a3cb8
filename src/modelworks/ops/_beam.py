"""Beam search over all rows of a batch and all their beams at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
_NEVER = np.float32(-1e30)


class Settings(NamedTuple):
    """How to search."""

    beams: int
    penalty: float
    """Texts are ranked by their log-probability over the length to this power (Wu et al. 2016): 0 likes short ones."""
    start: int
    end: int
    least: int
    """Fewest tokens of a text, its end left out."""
    banned: tuple[int, ...]
    """Tokens that are never written."""
    unknown: int
    """The token for what the vocabulary lacks; -1 when there is none."""


class Found(NamedTuple):
    """One finished text of a row."""

    value: float
    """What it is ranked by."""
    logprob: float
    """Sum over its tokens, the end included."""
    tokens: list[int]
    """Without start and end."""
    looks: list[list[int]]
    """For each token two positions of the source, as `Decode` gave them."""


Decode = Callable[[Ints], tuple[Floats, Ints]]
"""Newest tokens [B, K] -> log-probabilities [B, K, V] and where each beam looked, [B, K, 2]. It remembers what came
before."""
Keep = Callable[[Ints, Ints], None]
"""(rows [b], beams [b, K]): what the decoder remembers becomes that of these rows, with these beams of each."""


class Search:
    """One batch; `run` once.

    Args:
        decode, keep: the decoder with its memory.
        most: most tokens of each row, the end included, int [B].
        copies: bool [B]: rows that may write the unknown token.
    """

    def __init__(self, decode: Decode, keep: Keep, settings: Settings, most: Ints, copies: NDArray[np.bool_]) -> None:
        self._decode, self._keep, self._settings = decode, keep, settings
        self._most, self._copies = most, copies
        self._rows = np.arange(len(most))  # those still searched
        self._sums = np.full((len(most), settings.beams), _NEVER)
        self._sums[:, 0] = 0.0
        self._tokens: Ints = np.full((len(most), settings.beams, 1), settings.start, dtype=np.int64)
        self._looks: Ints = np.zeros((len(most), settings.beams, 0, 2), dtype=np.int64)
        self._found: list[list[Found]] = [[] for _ in most]

    def run(self) -> list[list[Found]]:
        """Finished texts of each row, best first; at least one."""
        while len(self._rows):
            logprobs, looks = self._decode(self._tokens[:, :, -1])
            self._advance(logprobs, looks)
        return [sorted(row, key=lambda one: -one.value) for row in self._found]

    def _advance(self, logprobs: Floats, looks: Ints) -> None:
        sums, beams, tokens = self._best(self._allowed(logprobs))
        ended = tokens == self._settings.end
        self._collect(sums, beams, tokens, looks)
        width = self._settings.beams
        live = np.argsort(ended, axis=1, kind="stable")[:, :width]
        self._sums, beams = np.take_along_axis(sums, live, 1), np.take_along_axis(beams, live, 1)
        at = np.arange(len(beams))[:, None]
        written = np.take_along_axis(tokens, live, 1)[:, :, None]
        self._tokens = np.concatenate([self._tokens[at, beams], written], axis=2)
        self._looks = np.concatenate([self._looks[at, beams], looks[at, beams][:, :, None]], axis=2)
        self._leave(beams)

    def _allowed(self, logprobs: Floats) -> Floats:
        settings = self._settings
        if settings.banned:
            logprobs[:, :, list(settings.banned)] = _NEVER
        if settings.unknown >= 0:
            logprobs[~self._copies[self._rows], :, settings.unknown] = _NEVER
        if self._tokens.shape[2] <= settings.least:
            logprobs[:, :, settings.end] = _NEVER
        return logprobs

    def _best(self, logprobs: Floats) -> tuple[Floats, Ints, Ints]:
        """The best 2K continuations of each row, best first: sums, beams and tokens [B, 2K]."""
        rows, _, size = logprobs.shape
        total = (self._sums[:, :, None] + logprobs).reshape(rows, -1)
        count = min(2 * self._settings.beams, total.shape[1])
        some = np.argpartition(total, total.shape[1] - count, axis=1)[:, -count:]
        some.sort(axis=1)  # equal sums in the order of their tokens, whatever the partition did
        order = np.argsort(-np.take_along_axis(total, some, 1), axis=1, kind="stable")
        best = np.take_along_axis(some, order, 1)
        return np.take_along_axis(total, best, 1), best // size, best % size

    def _collect(self, sums: Floats, beams: Ints, tokens: Ints, looks: Ints) -> None:
        """Keep the texts that end here among the best K; and the best K at a row's last step, ended or not."""
        length = self._tokens.shape[2]
        last, ended = length >= self._most[self._rows], tokens == self._settings.end
        for place, rank in np.argwhere((ended | last[:, None])[:, : self._settings.beams]).tolist():
            row, beam, total = int(self._rows[place]), int(beams[place, rank]), float(sums[place, rank])
            if total <= 0.5 * _NEVER and (self._found[row] or not last[place]):
                continue  # a beam that was never begun
            value = total / length**self._settings.penalty
            made = self._tokens[place, beam, 1:].tolist()
            made += [] if ended[place, rank] else [int(tokens[place, rank])]
            where = [*self._looks[place, beam].tolist(), looks[place, beam].tolist()]
            self._found[row].append(Found(value, total, made, where))
            if len(self._found[row]) > self._settings.beams:
                self._found[row].remove(min(self._found[row], key=lambda one: one.value))

    def _done(self) -> NDArray[np.bool_]:
        """Rows at their last step, and rows with K texts of which none is worse than the best unfinished one is now."""
        length = self._tokens.shape[2] - 1
        hopes = self._sums[:, 0] / np.float32(length) ** self._settings.penalty
        worst = [
            min(one.value for one in found) if len(found) >= self._settings.beams else -np.inf
            for found in (self._found[row] for row in self._rows)
        ]
        return np.asarray((length >= self._most[self._rows]) | (hopes <= np.array(worst)), dtype=bool)

    def _leave(self, beams: Ints) -> None:
        """Go on with the rows that are not done; tell the decoder."""
        kept = np.flatnonzero(~self._done())
        if len(kept) == len(beams):
            self._keep(kept, beams)
            return
        self._rows, self._sums = self._rows[kept], self._sums[kept]
        self._tokens, self._looks = self._tokens[kept], self._looks[kept]
        if len(kept):
            self._keep(kept, beams[kept])
