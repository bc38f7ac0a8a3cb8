"""Text as input."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeGuard

from modelworks.kinds.base import Kind, kind
from modelworks.kinds.edits import Edit, applied, place
from modelworks.kinds.tokens import Offsets, align, join, offsets, repeated


@kind("text")
class Text(Kind, frozen=True, omit_defaults=True):
    """Raw text as the user has it. Offsets elsewhere count its Unicode code points.

    `tokens` are given tokens as code points [start, end), in order and not overlapping, for programs that read them
    (tagging of text that came tokenized); empty when there are none."""

    media: ClassVar[tuple[str, ...]] = ("text/plain",)
    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "text": ("text", "sentence", "content", "review", "tweet", "message", "body", "comment", "utterance",
                 "document", "query", "input", "question", "title"),
        "tokens": ("tokens", "words"),
    }  # fmt: skip
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("text",), ("tokens",))
    pipeline: ClassVar[Mapping[str, str]] = {
        "labels": "text-classification", "entities": "token-classification", "tagged": "token-classification",
        "tree": "token-classification", "written": "text2text-generation",
        "completion": "text-generation", "vector": "feature-extraction",
    }  # fmt: skip
    sample: ClassVar[Mapping[str, Any]] = {"text": "A wonderful film."}

    text: str
    tokens: Offsets = ()

    @classmethod
    def raw(cls, data: bytes) -> Self:
        return cls(data.decode("utf-8"))

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], input: Kind | None = None) -> Self:
        """From a text, from words, or from both. Words are sought in the text; where they are not all of it, or there
        is none, the text is the words joined by single spaces."""
        text, words = given.get("text"), given.get("tokens")
        if isinstance(text, str) and not _are_words(words):
            return cls(text, offsets(words, len(text)))
        if not _are_words(words):
            raise ValueError("the `tokens` are no list of words" if words is not None else "the text is empty")
        if not any(word.strip() for word in words):
            raise ValueError("the text is empty")
        found = align(words, text) if isinstance(text, str) else None
        return cls(text, found) if isinstance(text, str) and found is not None else cls(*join(words))

    def check(self) -> None:
        end = 0
        for start, stop in self.tokens:
            if not end <= start < stop <= len(self.text):
                raise ValueError(f"token [{start}, {stop}) is empty, out of order or past the end of the text")
            end = stop

    def size(self) -> int:
        return len(self.text)

    def extents(self) -> dict[str, int]:
        return {"characters": len(self.text)}

    def words(self) -> Iterable[str]:
        """Lower-cased: the given tokens, or else what lies between white space."""
        lowered = self.text.lower()
        given = len(lowered) == len(self.text) and self.tokens
        return [lowered[a:b] for a, b in given] if given else lowered.split()

    def plain(self) -> Kind:
        """Up to composition and white space."""
        return Text(" ".join(unicodedata.normalize("NFC", self.text).split()))

    def resized(self, words: int) -> Kind | None:
        text = repeated(self.text, words)
        return type(self)(text) if text else None

    def as_text(self) -> str:
        return " ".join(self.text.split())

    def prose(self) -> str:
        return self.text

    def edited(self, edits: Sequence[Edit]) -> Text:
        moved = (place(start, end, edits) for start, end in self.tokens)
        return Text(applied(self.text, edits), tuple(token for token in moved if token[0] < token[1]))


def _are_words(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) for word in value)
