"""What clients of the OpenAI protocol ask, and the same as inputs of our kinds."""

from __future__ import annotations

import os
from typing import Any

import msgspec
from msgspec import Struct

from modelworks.core.errors import RequestError
from modelworks.serve.typed import malformed

REFUSED = (
    "tools", "functions", "tool_choice", "function_call", "logit_bias", "suffix", "audio", "modalities", "prediction",
    "presence_penalty", "frequency_penalty",
)  # fmt: skip
"""Parameters whose meaning no model here has: a request that sets one is refused, never answered otherwise."""
DEFAULT_TOKENS = 16
"""Of `/v1/completions`, as the protocol has it."""


class StreamOptions(Struct):
    """Of a stream."""

    include_usage: bool = False


class Schema(Struct, rename={"schema_": "schema"}):
    """A named JSON Schema."""

    schema_: dict[str, Any] | None = None
    name: str = ""


class Shape(Struct):
    """`response_format`."""

    type: str = "text"
    json_schema: Schema | None = None


class Asked(Struct, kw_only=True):
    """What both ways of writing have in common. `top_k`, `min_p`, `repetition_penalty` and `grammar` go beyond the
    protocol, under the names that other servers have for them."""

    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    n: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    grammar: str | None = None
    response_format: Shape | None = None

    def sampling(self) -> dict[str, Any]:
        """As our kinds have it. Without a seed each request has chance of its own."""
        names = ("max_tokens", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "n", "grammar")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        seed = int.from_bytes(os.urandom(4), "little") if self.seed is None else self.seed
        return given | {"stop": stop, "seed": seed} | self._shaped()

    def _shaped(self) -> dict[str, Any]:
        shape = self.response_format or Shape()
        if shape.type == "json_object":
            return {"json_schema": True}
        if shape.type == "json_schema" and shape.json_schema is not None and shape.json_schema.schema_ is not None:
            return {"json_schema": shape.json_schema.schema_}
        if shape.type != "text":
            raise RequestError(
                "not a response format", where="response_format", seen=shape.type,
                allowed=("text", "json_object", "json_schema"),
            )  # fmt: skip
        return {}

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage


class Completions(Asked, kw_only=True):
    """The body of `/v1/completions`."""

    prompt: str | list[str] = ""
    logprobs: int | None = None
    echo: bool | None = None
    best_of: int | None = None

    def inputs(self) -> list[dict[str, Any]]:
        """One input a prompt, as plain data."""
        if self.best_of is not None and self.best_of != (self.n or 1):
            raise RequestError("best_of is not known here", where="best_of", seen=self.best_of, allowed="n, or none")
        sampling = {"max_tokens": DEFAULT_TOKENS, **self.sampling(), "echo": bool(self.echo)}
        if self.logprobs is not None:
            sampling["logprobs"] = self.logprobs
        prompts = [self.prompt] if isinstance(self.prompt, str) else self.prompt
        return [{"text": prompt, "sampling": sampling} for prompt in prompts]


class Part(Struct):
    """A part of a message; only texts are read."""

    type: str
    text: str = ""


class Turn(Struct):
    """A message."""

    role: str
    content: str | list[Part] | None = None

    def plain(self) -> dict[str, str]:
        parts = self.content if isinstance(self.content, list) else [Part("text", self.content or "")]
        for part in parts:
            if part.type != "text":
                raise RequestError(
                    "only texts are read", where="messages", seen=part.type, allowed=("text",), status=400
                )
        return {"role": self.role, "content": "".join(part.text for part in parts)}


class Chat(Asked, kw_only=True):
    """The body of `/v1/chat/completions`."""

    messages: list[Turn]
    max_completion_tokens: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None

    def inputs(self) -> list[dict[str, Any]]:
        """The one input, as plain data."""
        sampling = self.sampling()
        if self.max_completion_tokens is not None:
            sampling["max_tokens"] = self.max_completion_tokens
        if self.logprobs:
            sampling["logprobs"] = self.top_logprobs or 0
        return [{"messages": [turn.plain() for turn in self.messages], "sampling": sampling}]


class Embeddings(Struct, kw_only=True):
    """The body of `/v1/embeddings`."""

    model: str
    input: str | list[str]
    encoding_format: str | None = None
    dimensions: int | None = None

    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


def read(body: bytes, cls: type[Any]) -> Any:
    """The request; RequestError 400 when it is not of the protocol or asks for what no model here has."""
    try:
        plain = msgspec.json.decode(body)
        asked = msgspec.convert(plain, cls)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        raise RequestError(f"not a valid request: {message}", where=place.strip("`").removeprefix("$.")) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise malformed(error) from error
    for name in REFUSED:
        if plain.get(name):
            raise RequestError(
                f"{name} is not known to this server", where=name, seen=plain[name], allowed="leave it out"
            )
    return asked
