"""Predictions in the shapes of the OpenAI protocol, whole and in pieces."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from modelworks.core.errors import ModelworksError
from modelworks.kinds import Kind
from modelworks.serve.events import event

DONE = b"data: [DONE]\n\n"
Plain = dict[str, Any]


def choices(prediction: Kind) -> list[Plain]:
    """The texts of a prediction, each {text, finish_reason, tokens}."""
    plain: Plain = msgspec.to_builtins(prediction)
    return list(plain.get("choices") or [plain])


def usage(predictions: Sequence[Kind]) -> Plain:
    """Tokens read and written, together."""
    counted: list[Plain] = [msgspec.to_builtins(one).get("usage", {}) for one in predictions]
    read, written = (sum(one.get(name, 0) for one in counted) for name in ("prompt_tokens", "completion_tokens"))
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


class Texts:
    """Choices of `/v1/completions`."""

    prefix, whole, part = "cmpl", "text_completion", "text_completion"

    def choice(self, choice: Mapping[str, Any]) -> Plain:
        """A whole text."""
        return {"text": choice["text"], "logprobs": self._logprobs(choice.get("tokens") or ())}

    def first(self) -> Plain | None:
        """What comes before any text, or None."""
        return None

    def delta(self, text: str, tokens: Sequence[Mapping[str, Any]]) -> Plain:
        """More text."""
        return {"text": text, "logprobs": self._logprobs(tokens)}

    def _logprobs(self, tokens: Sequence[Mapping[str, Any]]) -> Plain | None:
        if not tokens:
            return None
        return {
            "tokens": [token["text"] for token in tokens],
            "token_logprobs": [token.get("logprob") for token in tokens],
            "top_logprobs": [{one["text"]: one["logprob"] for one in token.get("top") or ()} for token in tokens],
            "text_offset": [token.get("start", 0) for token in tokens],
        }


class Turns:
    """Choices of `/v1/chat/completions`."""

    prefix, whole, part = "chatcmpl", "chat.completion", "chat.completion.chunk"

    def choice(self, choice: Mapping[str, Any]) -> Plain:
        return {
            "message": {"role": "assistant", "content": choice["text"], "refusal": None},
            "logprobs": self._logprobs(choice.get("tokens") or ()),
        }

    def first(self) -> Plain | None:
        return {"delta": {"role": "assistant", "content": ""}, "logprobs": None}

    def delta(self, text: str, tokens: Sequence[Mapping[str, Any]]) -> Plain:
        return {"delta": {"content": text} if text else {}, "logprobs": self._logprobs(tokens)}

    def _logprobs(self, tokens: Sequence[Mapping[str, Any]]) -> Plain | None:
        if not tokens:
            return None
        return {"content": [self._token(token) | {"top_logprobs": list(map(self._token, token.get("top") or ()))}
                            for token in tokens], "refusal": None}  # fmt: skip

    def _token(self, token: Mapping[str, Any]) -> Plain:
        text = token["text"]
        return {"token": text, "logprob": token.get("logprob") or 0.0, "bytes": list(text.encode("utf-8", "replace"))}


class Answer:
    """One answer of either shape: its identity, and how it is written whole or as events."""

    def __init__(self, shape: Texts | Turns, model: str, request: str, wants_usage: bool = False) -> None:
        self._shape, self._wants_usage = shape, wants_usage
        self._facts = {"id": f"{shape.prefix}-{request}", "created": int(time.time()), "model": model}
        self._written: dict[int, int] = {}
        """Choice -> characters of it that were sent."""

    def whole(self, predictions: Sequence[Kind]) -> Plain:
        """The body of a response."""
        every = [choice for prediction in predictions for choice in choices(prediction)]
        return {
            **self._facts, "object": self._shape.whole,
            "choices": [
                {"index": index, **self._shape.choice(choice), "finish_reason": choice.get("finish_reason", "stop")}
                for index, choice in enumerate(every)
            ],
            "usage": usage(predictions),
        }  # fmt: skip

    def piece(self, piece: Any) -> bytes:
        return self._more(piece.get("index", 0), piece["text"], piece.get("tokens") or ())

    def last(self, prediction: Kind) -> bytes:
        parts = []
        for index, choice in enumerate(choices(prediction)):
            rest = choice["text"][self._written.get(index, 0) :]
            parts.append(self._more(index, rest, ()) if rest or index not in self._written else b"")
            parts.append(self._event([self._choice(index, self._shape.delta("", ()), choice.get("finish_reason"))]))
        if self._wants_usage:
            parts.append(self._event([], usage=usage([prediction])))
        return b"".join([*parts, DONE])

    def fault(self, error: ModelworksError) -> bytes:
        return event(error_body(error))

    def _more(self, index: int, text: str, tokens: Sequence[Mapping[str, Any]]) -> bytes:
        first = self._shape.first() if index not in self._written else None
        self._written[index] = self._written.get(index, 0) + len(text)
        parts = [part for part in (first, self._shape.delta(text, tokens)) if part is not None]
        return b"".join(self._event([self._choice(index, part, None)]) for part in parts)

    def _choice(self, index: int, part: Plain, reason: str | None) -> Plain:
        return {"index": index, **part, "finish_reason": reason}

    def _event(self, parts: list[Plain], **more: Any) -> bytes:
        return event({**self._facts, "object": self._shape.part, "choices": parts, **more})


def error_body(error: ModelworksError) -> Plain:
    """The protocol's error."""
    status = getattr(error, "status", 500)
    kind = "server_error" if status >= 500 else "rate_limit_error" if status == 429 else "invalid_request_error"
    facts = error.to_dict()
    words = [str(facts["message"])]
    words += [f"{name}: {facts[name]}" for name in ("seen", "allowed", "hint") if facts.get(name)]
    code = "model_not_found" if status == 404 else facts.get("error")
    return {"error": {"message": "; ".join(words), "type": kind, "param": facts.get("where") or None, "code": code}}
