"""Texts that answer a text: what people wrote as target, what a model wrote as prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import msgspec

from modelworks.kinds.base import Kind, kind
from modelworks.kinds.edits import Edit


@kind("references")
class References(Kind, frozen=True):
    """Target: one text or several, each of which is a right answer (a translation, a summary)."""

    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "references": ("references", "reference", "target", "translation", "summary", "summaries", "highlights",
                       "tldr", "tgt", "trg", "output", "answer"),
    }  # fmt: skip
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("references",),)
    sample: ClassVar[Mapping[str, Any]] = {"references": ["Ein wunderbarer Film."]}

    references: tuple[str, ...]

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], input: Kind | None = None) -> Self:
        """From a text or a list of texts."""
        value = given.get("references")
        texts = (value,) if isinstance(value, str) else value
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            raise ValueError("the reference is neither a text nor a list of texts")
        return cls(tuple(texts))

    def check(self) -> None:
        if not self.references:
            raise ValueError("there is no reference")
        if any(not text.strip() for text in self.references):
            raise ValueError("the reference is empty")

    def size(self) -> int:
        return max(map(len, self.references), default=0)

    def as_text(self) -> str:
        return " | ".join(" ".join(text.split()) for text in self.references)

    def edited(self, edits: Sequence[Edit]) -> References:
        """As it is: a disturbed input keeps its right answers."""
        return self


class Candidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to put it. `score` in [0, 1]: geometric mean of the probabilities of its pieces."""

    text: str
    score: float


class Aligned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Code points [start, end) of the written text, and those of the input that the network looked at most there."""

    start: int
    end: int
    source_start: int
    source_end: int


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Code points [start, end) of the input that were taken over, and why: a score in [0, 1]."""

    start: int
    end: int
    score: float


@kind("written")
class Written(Kind, frozen=True, omit_defaults=True):
    """Prediction: the text; further candidates, best first; what its words go back to, where the model says so."""

    text: str
    candidates: tuple[Candidate, ...] = ()
    alignments: tuple[Aligned, ...] = ()
    sentences: tuple[Chosen, ...] = ()

    def size(self) -> int:
        return len(self.text)

    def as_text(self) -> str:
        return " ".join(self.text.split())

    def rows(self) -> list[tuple[str, float | None]]:
        if not self.candidates:
            return [(self.as_text(), None)]
        return [(" ".join(one.text.split()), one.score) for one in self.candidates[:3]]
