"""A text or a conversation to go on with, how to go on, and what a model wrote."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec
from msgspec import Meta, Struct

from modelworks.kinds.base import Kind, kind
from modelworks.kinds.edits import Edit, applied
from modelworks.kinds.hits import Hit

_TEXTS = {
    "messages": ("messages", "conversation", "conversations", "chat", "dialog"),
    "prompt": ("prompt", "instruction", "question", "query"),
    "completion": ("completion", "response", "output", "answer", "chosen"),
    "text": ("text", "content", "document", "body"),
}
_NEEDS = (("messages",), ("prompt",), ("text",))


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """A turn of a conversation; `role` as the model's chat template knows it (system, user, assistant, tool…)."""

    role: str
    content: str


class Sampling(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """How tokens are chosen. The filters apply in the order repetition_penalty, temperature, top_k, top_p, min_p."""

    max_tokens: Annotated[int, Meta(ge=0)] = 128
    temperature: Annotated[float, Meta(ge=0)] = 1.0
    """0 takes the likeliest token always."""
    top_k: Annotated[int, Meta(ge=0)] = 0
    """Only the k likeliest tokens; 0 for all."""
    top_p: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """Only the likeliest tokens that together have this probability (Holtzman et al. 2020)."""
    min_p: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    """Only tokens at least this times as likely as the likeliest (Nguyen et al. 2024)."""
    repetition_penalty: Annotated[float, Meta(gt=0)] = 1.0
    """Positive logits of tokens that occurred are divided by it, negative ones multiplied (Keskar et al. 2019)."""
    stop: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    """The text ends before the first of these."""
    seed: Annotated[int, Meta(ge=0)] = 0
    """Of all chance: the same input gives the same text."""
    logprobs: Annotated[int, Meta(ge=0, le=100)] | None = None
    """Log-probability of each token, and of so many of the likeliest in its place."""
    echo: bool = False
    """The prompt comes first in the text, and its tokens in the log-probabilities."""
    n: Annotated[int, Meta(ge=1, le=64)] = 1
    """How many texts to write."""
    grammar: str | None = None
    """A grammar (Lark) that the text must obey."""
    json_schema: dict[str, Any] | bool | None = None
    """A JSON Schema that the text must obey; true for any JSON."""


_SHORT = 64
SCORED = Sampling(max_tokens=0, echo=True, logprobs=0)
"""Writes nothing, and says how probable the prompt is."""


@kind("prompt")
class Prompt(Kind, frozen=True, omit_defaults=True):
    """A text to go on with, or the messages of a conversation to answer."""

    media: ClassVar[tuple[str, ...]] = ("text/plain",)
    columns: ClassVar[Mapping[str, tuple[str, ...]]] = _TEXTS
    needs: ClassVar[tuple[tuple[str, ...], ...]] = _NEEDS
    sample: ClassVar[Mapping[str, Any]] = {"text": "Once upon a time", "sampling": {"max_tokens": 20}}

    text: str = ""
    messages: tuple[Message, ...] = ()
    sampling: Sampling = Sampling()

    @classmethod
    def raw(cls, data: bytes) -> Self:
        return cls(data.decode("utf-8"))

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], input: Kind | None = None) -> Self:
        """From messages, a prompt, a prompt with its completion, or a whole text. Where the row holds what should be
        written, the prompt is that too, to be scored and not gone on with."""
        if given.get("messages"):
            messages = _messages(given["messages"])
            answered = messages[-1].role == "assistant"
            return cls(messages=messages, sampling=SCORED if answered else Sampling())
        if isinstance(given.get("prompt"), str):
            written = given.get("completion")
            return cls(given["prompt"] + written, sampling=SCORED) if isinstance(written, str) else cls(given["prompt"])
        if not isinstance(given.get("text"), str) or not given["text"]:
            raise ValueError("the text is empty")
        return cls(given["text"], sampling=SCORED)

    def check(self) -> None:
        if self.text and self.messages:
            raise ValueError("a prompt is a text or messages, not both")
        if any(not message.role for message in self.messages):
            raise ValueError("a message has no role")
        if self.sampling.grammar is not None and self.sampling.json_schema is not None:
            raise ValueError("the text can obey a grammar or a JSON schema, not both")

    def size(self) -> int:
        return len(self.text) + sum(len(message.content) for message in self.messages)

    def extents(self) -> dict[str, int]:
        return {"characters": self.size()}

    def plain(self) -> Kind:
        """Up to composition of characters."""
        said = tuple(Message(m.role, unicodedata.normalize("NFC", m.content)) for m in self.messages)
        return Prompt(unicodedata.normalize("NFC", self.text), said, self.sampling)

    def shorter(self) -> Kind | None:
        """The beginning of a long text, else its first word."""
        if self.messages or not self.text.split():
            return None
        return Prompt(self.text[:_SHORT] if len(self.text) > _SHORT else self.text.split()[0], sampling=self.sampling)

    def as_text(self) -> str:
        said = [f"{message.role}: {message.content}" for message in self.messages] or [self.text]
        return " ".join(" / ".join(said).split())

    def edited(self, edits: Sequence[Edit]) -> Prompt:
        return msgspec.structs.replace(self, text=applied(self.text, edits))


def _messages(value: Any) -> tuple[Message, ...]:
    """Messages as OpenAI has them ({role, content}) or ShareGPT ({from, value})."""
    names = {"human": "user", "gpt": "assistant", "bot": "assistant"}
    if not isinstance(value, list | tuple) or not all(isinstance(turn, Mapping) for turn in value):
        raise ValueError("the messages are no list of {role, content}")
    said = []
    for turn in value:
        role, content = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
        if not isinstance(role, str) or not isinstance(content, str):
            raise ValueError("a message has no role or no content that is a text")
        said.append(Message(names.get(role, role), content))
    return tuple(said)


@kind("continuation")
class Continuation(Kind, frozen=True, omit_defaults=True):
    """Target: the text that a model should find probable, the end of the prompt it is scored with."""

    columns: ClassVar[Mapping[str, tuple[str, ...]]] = _TEXTS
    needs: ClassVar[tuple[tuple[str, ...], ...]] = _NEEDS
    sample: ClassVar[Mapping[str, Any]] = {"text": " there was a king."}

    text: str
    whole: bool = True
    """Whether the text ends here; false for a piece of a longer one."""

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], input: Kind | None = None) -> Self:
        """The completion, the last message, or the whole text."""
        written = given.get("completion")
        if isinstance(written, str) and isinstance(given.get("prompt"), str):
            return cls(written)
        if isinstance(input, Prompt):
            return cls(input.messages[-1].content if input.messages else input.text)
        return cls(str(given.get("text", "")))

    def check(self) -> None:
        if not self.text:
            raise ValueError("there is nothing to write")

    def fits(self, input: Kind) -> None:
        if isinstance(input, Prompt) and self.text not in (
            input.messages[-1].content if input.messages else input.text[-len(self.text) :]
        ):
            raise ValueError("the prompt does not end with the text that is to be scored")

    def size(self) -> int:
        return len(self.text)

    def as_text(self) -> str:
        return " ".join(self.text.split())


class Alternative(Struct, frozen=True, forbid_unknown_fields=True):
    """A token that could stand there."""

    text: str
    logprob: float


class TokenScore(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A token of the text: code points [start, end) in it (a token that is part of a character has the character's),
    natural logarithm of its probability given all before (none for the first, where nothing comes before it)."""

    text: str
    start: int
    end: int
    logprob: float | None = None
    top: tuple[Alternative, ...] = ()


class Usage(Struct, frozen=True, forbid_unknown_fields=True):
    """Tokens read and written."""

    prompt_tokens: int
    completion_tokens: int


Reason = Literal["stop", "length"]


class Choice(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of several texts."""

    text: str
    finish_reason: Reason
    tokens: tuple[TokenScore, ...] = ()


@kind("completion")
class Completion(Kind, frozen=True, omit_defaults=True):
    """Prediction: the text written, why it ended (`stop`: the model or a stop string ended it; `length`: it had
    max_tokens), how much was read and written; `tokens` where log-probabilities were asked for, all `choices` where
    more than one text was."""

    text: str
    finish_reason: Reason
    usage: Usage
    tokens: tuple[TokenScore, ...] = ()
    choices: tuple[Choice, ...] = ()
    sources: tuple[Hit, ...] = ()
    """Documents of a collection that the text was written from, for a bundle that searches one; `[1]` is the first."""

    def check(self) -> None:
        if any(not token.start <= token.end <= len(self.text) for token in self.tokens):
            raise ValueError("a token lies outside of the text")

    def size(self) -> int:
        return len(self.text)

    def as_text(self) -> str:
        return " ".join(self.text.split())

    def rows(self) -> list[tuple[str, float | None]]:
        """The texts; with log-probabilities, the mean probability of their tokens."""
        choices = self.choices or (Choice(self.text, self.finish_reason, self.tokens),)
        written = [(choice.text, _mean(choice.tokens)) for choice in choices]
        return [*written, *((f"[{n}] {hit.as_line()}", hit.score) for n, hit in enumerate(self.sources, 1))]


def _mean(tokens: Sequence[TokenScore]) -> float | None:
    """Geometric mean of the tokens' probabilities."""
    known = [token.logprob for token in tokens if token.logprob is not None]
    return math.exp(sum(known) / len(known)) if known else None
