"""Labelled stretches of a text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import msgspec

from modelworks.kinds.base import Kind, kind


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Code points [start, end) of the raw text, with a label."""

    start: int
    end: int
    label: str


@kind("spans")
class Spans(Kind, frozen=True):
    """Target: the labelled spans of a text, sorted, not overlapping.

    `tokens` holds the annotator's tokens as (start, end) when the data came tokenized, so that word-level scores
    are exact; empty when it did not."""

    fewest_labels: ClassVar[int] = 1

    spans: tuple[Span, ...]
    tokens: tuple[tuple[int, int], ...] = ()

    def check(self) -> None:
        end = 0
        for span in self.spans:
            if not 0 <= span.start < span.end:
                raise ValueError(f"span [{span.start}, {span.end}) is empty or reversed")
            if span.start < end:
                raise ValueError(f"span [{span.start}, {span.end}) overlaps the one before or is out of order")
            if not span.label:
                raise ValueError(f"span [{span.start}, {span.end}) has no label")
            end = span.end

    def labels(self) -> Iterable[str]:
        return (span.label for span in self.spans)

    def size(self) -> int:
        return len(self.spans)


class Entity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A found span: code points [start, end) of the raw text, which `word` repeats; score in [0, 1]."""

    entity_group: str
    score: float
    word: str
    start: int
    end: int


@kind("entities")
class Entities(Kind, frozen=True):
    """Prediction: found spans in order of their start, not overlapping."""

    entities: tuple[Entity, ...]

    def labels(self) -> Iterable[str]:
        return (entity.entity_group for entity in self.entities)

    def size(self) -> int:
        return len(self.entities)
