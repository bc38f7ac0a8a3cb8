"""How probable a decoder finds the tokens of a text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from modelworks.contracts.decoder import Decoder, Handle
from modelworks.ops._chooser import likeliest

_CELLS = 2**23
"""Most logits that are held at once."""


@dataclass(slots=True)
class Scores:
    """Of the tokens of a text."""

    logprobs: np.ndarray
    """Float64 [T], natural logarithms; NaN for a token that nothing comes before."""
    tops: list[list[tuple[int, float]]]
    """The likeliest tokens in its place; empty lists where none were asked for."""
    last: np.ndarray | None
    """Logits after the last token."""
    length: int
    """Tokens that the sequence holds now."""


def score(decoder: Decoder, handle: Handle, first: np.ndarray, ids: np.ndarray, top: int) -> Scores:
    """Scores of all tokens. What is longer than the context is read in windows that overlap by half; each token is
    scored where more comes before it. `first` begins every window."""
    found = Scores(np.full(len(ids), np.nan), [[] for _ in ids], None, 0)
    for start, done, stop in _windows(len(ids), decoder.context - len(first)):
        decoder.reset(handle)
        fed = np.concatenate([first, ids[start:stop]])
        for at, logits in _parts(decoder, handle, fed):
            of = np.arange(at, at + len(logits)) + 1 - len(first) + start  # a row speaks of the token after it
            kept = (of >= done) & (of < stop)
            _tell(found, logits[kept], of[kept], ids, top)
            found.last = logits[-1]
        found.length = len(fed)
    return found


def _windows(length: int, room: int) -> Iterator[tuple[int, int, int]]:
    """(first token read, first token scored, behind the last) of each window."""
    done = 0
    while done < length:
        start = max(0, done - room // 2) if done else 0
        stop = min(length, start + room)
        yield start, done, stop
        done = stop


def _parts(decoder: Decoder, handle: Handle, tokens: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """(position, logits) of a sequence, read in parts where the vocabulary is large."""
    size = max(16, _CELLS // decoder.vocabulary)
    for at in range(0, len(tokens), size):
        yield at, decoder.scores(handle, tokens[at : at + size])


def _tell(found: Scores, logits: np.ndarray, of: Sequence[int] | np.ndarray, ids: np.ndarray, top: int) -> None:
    if not len(logits):
        return
    shifted = logits - logits.max(axis=1, keepdims=True)
    normal = np.log(np.exp(shifted).sum(axis=1, dtype=np.float64))
    found.logprobs[of] = shifted[np.arange(len(of)), ids[of]] - normal
    if top:
        for place, row in zip(of, logits, strict=True):
            found.tops[place] = likeliest(row, top)
