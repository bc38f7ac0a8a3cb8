"""One text being written: tokens in, text out, until it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from modelworks.contracts.decoder import Decoder, Handle
from modelworks.kinds import Alternative, Choice, Sampling, TokenScore
from modelworks.ops._bound import bound
from modelworks.ops._chooser import Chooser, likeliest, log_probability
from modelworks.ops._pieces import Growing, spelled
from modelworks.ops._scoring import score


class Writing:
    """A text that grows.

    Args:
        prompt, ids, units: the text that is gone on with, its tokens, and their code points.
        sampling: how.
        number: of several texts for one prompt, which.
        tokenizer: the model's.
        first: tokens that begin every sequence.
        ends: tokens that end a text.
    """

    def __init__(
        self, prompt: str, ids: np.ndarray, units: np.ndarray, sampling: Sampling, number: int, *, tokenizer: Any,
        first: Sequence[int], ends: Sequence[int],
    ) -> None:  # fmt: skip
        self.number, self.sampling = number, sampling
        self.handle: Handle = None
        self.next = np.empty(0, np.int64)
        """What the decoder has to read before the next token."""
        self.over = sampling.max_tokens == 0
        self.written = 0
        self._stopped, self._length = False, 0
        self._first, self._ends = np.array(first, np.int64), set(ends)
        self._all, self._units = ids, units
        self._prompt = prompt if sampling.echo else ""
        self._words = spelled(tokenizer)
        self._chooser = Chooser(sampling, ids.tolist(), number)
        self._bound = bound(sampling, tokenizer, next(iter(ends), None))
        self._text, self._looked, self._shown = Growing(), 0, 0
        self._tokens: list[TokenScore] = []
        self._held = max((len(stop) for stop in sampling.stop), default=1) - 1

    def begin(self, decoder: Decoder) -> np.ndarray | None:
        """Read the prompt: scored, where that is asked for, and then the logits after it; else left to the next step,
        cut at its beginning where it is too long."""
        if self._prompt and len(self._all) and self.sampling.logprobs is not None:
            return self._score(decoder)
        room = decoder.context - len(self._first) - min(self.sampling.max_tokens, decoder.context // 2)
        self._read(self._all[-max(1, room) :])
        return None

    def make_room(self, decoder: Decoder) -> None:
        """Where the context is full: read its second half anew, and go on from there."""
        if self._length > decoder.context:
            decoder.reset(self.handle)
            self._read(self._all[-(decoder.context // 2) :])

    def take(self, logits: np.ndarray) -> dict[str, Any] | None:
        """Choose the next token; what can be shown of the text since the last time, if anything."""
        token = self._chooser(logits, self._bound.allowed(len(logits)) if self._bound else None)
        self.written += 1
        if token in self._ends:
            self._stopped = True
        else:
            self._append(token, logits)
        self.over = self._stopped or self.written >= self.sampling.max_tokens
        if self.over:
            self._text.finish()
            self._cut()
        return self._piece()

    def echoed(self) -> dict[str, Any] | None:
        """The prompt as the first piece, where it is part of the text."""
        if not self._prompt:
            return None
        piece: dict[str, Any] = {"index": self.number, "text": self._prompt}
        return piece if self.sampling.logprobs is None else piece | {"tokens": msgspec.to_builtins(self._tokens)}

    def choice(self) -> Choice:
        """The text so far."""
        text = self._prompt + self._text.text
        return Choice(text, "stop" if self._stopped else "length", tuple(self._in(text)))

    def _in(self, text: str) -> list[TokenScore]:
        """The tokens of a text that may have been cut."""
        return [
            msgspec.structs.replace(token, text=text[token.start : token.end], end=min(token.end, len(text)))
            for token in self._tokens
            if token.start < len(text)
        ]

    def _read(self, tokens: np.ndarray) -> None:
        self.next = np.concatenate([self._first, tokens])
        self._length = len(self.next)

    def _append(self, token: int, logits: np.ndarray) -> None:
        self.next = np.array([token], np.int64)
        self._all, self._length = np.append(self._all, token), self._length + 1
        if self._bound is not None:
            self._bound.push(token)
            self._stopped = self._bound.over
        start, end = self._text.push(self._words[token] if token < len(self._words) else b"")
        if self.sampling.logprobs is not None:
            before, value = len(self._prompt), log_probability(logits, token)
            top = likeliest(logits, self.sampling.logprobs)
            self._tokens.append(TokenScore("", before + start, before + end, value, self._spelled(top)))
        self._cut()

    def _spelled(self, top: Sequence[tuple[int, float]]) -> tuple[Alternative, ...]:
        return tuple(Alternative(self._words[token].decode("utf-8", "replace"), value) for token, value in top)

    def _cut(self) -> None:
        """End the text before the first stop string in what is new of it."""
        text, begin = self._text.text, max(0, self._looked - self._held)
        found = [at for stop in self.sampling.stop if (at := text.find(stop, begin)) >= 0]
        if found:
            self._text.text, self._stopped = text[: min(found)], True
        self._looked = len(self._text.text)

    def _piece(self) -> dict[str, Any] | None:
        """New text; what may turn out to begin a stop string waits."""
        text = self._text.text
        sure = len(text) if self.over else max(self._shown, len(text) - self._held)
        if sure == self._shown:
            return None
        piece: dict[str, Any] = {"index": self.number, "text": text[self._shown : sure]}
        if self.sampling.logprobs is not None:
            low, high = len(self._prompt) + self._shown, len(self._prompt) + sure
            new = [token for token in self._in(self._prompt + text) if low < token.end <= high]
            piece["tokens"] = msgspec.to_builtins(new)
        self._shown = sure
        return piece

    def _score(self, decoder: Decoder) -> np.ndarray | None:
        assert self.sampling.logprobs is not None
        scores = score(decoder, self.handle, self._first, self._all, self.sampling.logprobs)
        for (start, end), value, top in zip(self._units.tolist(), scores.logprobs.tolist(), scores.tops, strict=True):
            known = None if np.isnan(value) else value
            self._tokens.append(TokenScore(self._prompt[start:end], start, end, known, self._spelled(top)))
        self._length = scores.length
        return scores.last
