"""How probable a completion says its prompt's end is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.kinds import Completion, Continuation, Kind

NATS, CHARACTERS, BYTES, WORDS, TOKENS = range(5)


def counts(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
    """Float64 [5] of the target, the last occurrence of which in the echoed text counts: the negative log-likelihood
    of the tokens that end in it, its characters, UTF-8 bytes, words (by white space) and scored tokens."""
    if not isinstance(target, Continuation) or not isinstance(prediction, Completion):
        raise TypeError(f"needs a continuation and a completion, not {target.name} and {prediction.name}")
    begin = prediction.text.rfind(target.text)
    if begin < 0 or not prediction.tokens:
        raise ValueError("the completion does not hold the target with log-probabilities: ask for echo and logprobs")
    end = begin + len(target.text)
    known = [t.logprob for t in prediction.tokens if begin < t.end <= end and t.logprob is not None]
    characters, words = len(target.text), len(target.text.split())
    return np.array([-sum(known), characters, len(target.text.encode("utf-8", "replace")), words, len(known)], float)


def defined(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, NaN where whole is 0."""
    shares: np.ndarray = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return shares
