"""A text to be summarized, with its sentences when they are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import msgspec

from modelworks.kinds.base import Kind, kind
from modelworks.kinds.edits import Edit, place
from modelworks.kinds.text import Text
from modelworks.kinds.tokens import Offsets, join, offsets


class Length(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Most sentences, words and characters (code points) that are wanted; 0 leaves it to the model."""

    sentences: int = 0
    words: int = 0
    characters: int = 0

    def check(self) -> None:
        """ValueError for a limit below 0."""
        if min(self.sentences, self.words, self.characters) < 0:
            raise ValueError("a length is at least 0")


@kind("article")
class Article(Text, frozen=True, omit_defaults=True):
    """A text to be summarized.

    `sentences` are given ones as code points [start, end), in order and not overlapping; without them the program
    splits the text itself. `length` is what the caller wishes of the answer."""

    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "text": ("text", "document", "article", "dialogue", "abstract", "body", "content", "passage", "input"),
        "sentences": ("sentences", "source", "src", "source_sentences"),
    }
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("text",), ("sentences",))
    pipeline: ClassVar[Mapping[str, str]] = {"written": "summarization"}
    sample: ClassVar[Mapping[str, Any]] = {
        "text": "Trees grow slowly. We measured oaks for ten years. They grew 30 cm a year.",
        "length": {"sentences": 1},
    }

    sentences: Offsets = ()
    length: Length = Length()

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], input: Kind | None = None) -> Self:
        """From a text, from a list of sentences (joined by single spaces), or from a text and the offsets of its
        sentences."""
        text, sentences, wish = given.get("text"), given.get("sentences"), given.get("length")
        length = msgspec.convert(wish, Length) if isinstance(wish, dict) else Length()
        if isinstance(text, str):
            return cls(text, sentences=offsets(sentences, len(text)), length=length)
        if isinstance(sentences, str):
            return cls(sentences, length=length)
        if not isinstance(sentences, list | tuple) or not all(isinstance(one, str) for one in sentences):
            raise ValueError("the document is neither a text nor a list of sentences")
        joined, places = join([sentence for one in sentences if (sentence := one.strip())])
        if not places:
            raise ValueError("the document holds no sentence")
        return cls(joined, sentences=places, length=length)

    def check(self) -> None:
        super().check()
        end = 0
        for start, stop in self.sentences:
            if not end <= start < stop <= len(self.text):
                raise ValueError(f"sentence [{start}, {stop}) is empty, out of order or past the end of the text")
            end = stop
        self.length.check()

    def edited(self, edits: Sequence[Edit]) -> Text:
        moved = (place(start, end, edits) for start, end in self.sentences)
        plain = super().edited(edits)
        return Article(plain.text, plain.tokens, tuple(one for one in moved if one[0] < one[1]), self.length)
