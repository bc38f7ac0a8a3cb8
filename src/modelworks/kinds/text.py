"""Text as input."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from modelworks.kinds.base import Kind, kind
from modelworks.kinds.edits import Edit, applied, place

Offsets = tuple[tuple[int, int], ...]


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
    sample: ClassVar[Mapping[str, Any]] = {"text": "A wonderful film."}

    text: str
    tokens: Offsets = ()

    @classmethod
    def raw(cls, data: bytes) -> Self:
        return cls(data.decode("utf-8"))

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

    def plain(self) -> Kind:
        """Up to composition and white space."""
        return Text(" ".join(unicodedata.normalize("NFC", self.text).split()))

    def shorter(self) -> Kind | None:
        return next((Text(word) for word in self.text.split()), None)

    def as_text(self) -> str:
        return " ".join(self.text.split())

    def edited(self, edits: Sequence[Edit]) -> Text:
        moved = (place(start, end, edits) for start, end in self.tokens)
        return Text(applied(self.text, edits), tuple(token for token in moved if token[0] < token[1]))
