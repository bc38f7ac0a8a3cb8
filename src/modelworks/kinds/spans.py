"""Labelled stretches of a text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import msgspec

from modelworks.kinds.base import Judgement, Kind, kind
from modelworks.kinds.chunks import chunks
from modelworks.kinds.edits import Edit, place
from modelworks.kinds.tokens import Offsets, offsets


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
    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "spans": ("spans", "entities", "ents", "annotations"),
        "tokens": ("tokens", "words"),
        "tags": ("ner_tags", "tags", "ner", "labels"),
    }
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("spans",), ("tokens", "tags"))
    sample: ClassVar[Mapping[str, Any]] = {"spans": [{"start": 0, "end": 12, "label": "person"}]}

    spans: tuple[Span, ...]
    tokens: Offsets = ()

    @classmethod
    def tagged(cls, tags: Sequence[str], tokens: Offsets) -> Self:
        """From a tag a token (IOB1, IOB2, BIOES, BILOU)."""
        found = [Span(tokens[first][0], tokens[end - 1][1], label) for first, end, label in chunks(tags)]
        return cls(tuple(found), tokens)

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], input: Kind | None = None) -> Self:
        """From `[{start, end, label}]` or `[[start, end, label]]` in any order, or from a tag for each of the input's
        tokens."""
        length = input.size() if input is not None else 0
        if "spans" not in given:
            return cls.tagged(_tags(given, getattr(input, "tokens", ())), getattr(input, "tokens", ()))
        if not isinstance(given["spans"], list):
            raise ValueError("the spans are not a list of {start, end, label}")
        spans = sorted((_span(item, length) for item in given["spans"]), key=lambda span: (span.start, span.end))
        return cls(tuple(spans), offsets(given.get("tokens"), length))

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

    def fits(self, input: Kind) -> None:
        if self.spans and self.spans[-1].end > input.size():
            last = self.spans[-1]
            raise ValueError(f"span [{last.start}, {last.end}) reaches past the end of the text ({input.size()})")

    def stretches(self) -> Offsets:
        return tuple((span.start, span.end) for span in self.spans)

    def edited(self, edits: Sequence[Edit]) -> Spans:
        """A text inserted at the edge of a span stays outside of it; a span of which nothing is left goes."""
        spans = [Span(*place(span.start, span.end, edits), span.label) for span in self.spans]
        tokens = [place(start, end, edits) for start, end in self.tokens]
        return Spans(tuple(span for span in spans if span.start < span.end), tuple(t for t in tokens if t[0] < t[1]))


def _tags(given: Mapping[str, Any], tokens: Offsets) -> list[str]:
    tags = given.get("tags")
    if not isinstance(tags, list) or len(tags) != len(tokens):
        raise ValueError("`tokens` and `tags` are not two lists of one length")
    return [str(tag) for tag in tags]


def _span(item: Any, length: int) -> Span:
    if isinstance(item, list) and len(item) == 3:
        start, end, label = item
    elif isinstance(item, dict):
        start, end = item.get("start", item.get("start_offset")), item.get("end", item.get("end_offset"))
        label = next((item[key] for key in ("label", "entity_group", "type", "entity") if key in item), None)
    else:
        raise ValueError(f"a span is {item!r}, not {{start, end, label}}")
    if type(start) is not int or type(end) is not int or not isinstance(label, str):
        raise ValueError(f"a span is {item!r}, not {{start, end, label}} with whole numbers and a text")
    if end > length:
        raise ValueError(f"span [{start}, {end}) reaches past the end of the text ({length} code points)")
    return Span(start, end, label)


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

    chances: ClassVar[bool] = True

    entities: tuple[Entity, ...]

    def labels(self) -> Iterable[str]:
        return (entity.entity_group for entity in self.entities)

    def size(self) -> int:
        return len(self.entities)

    def as_text(self) -> str:
        return ", ".join(f"{entity.entity_group}: {entity.word}" for entity in self.entities) or "(nothing found)"

    def rows(self) -> list[tuple[str, float | None]]:
        found: list[tuple[str, float | None]] = [(f"{e.entity_group}: {e.word}", e.score) for e in self.entities]
        return found or [("(nothing found)", None)]

    def judgements(self, target: Kind) -> list[Judgement] | None:
        if not isinstance(target, Spans):
            return None
        left = list(target.spans)
        found = [_judged(entity, left) for entity in self.entities]
        return [*found, *(Judgement(span.label, None, None, False) for span in left)]


def _judged(entity: Entity, left: list[Span]) -> Judgement:
    """Right only when bounds and label agree; a confusion takes the span it overlaps, once."""
    best = max(left, key=lambda span: _shared(entity, span), default=None)
    if best is None or _shared(entity, best) == 0:
        return Judgement(None, entity.entity_group, entity.score, False)
    left.remove(best)
    exact = (best.start, best.end, best.label) == (entity.start, entity.end, entity.entity_group)
    return Judgement(best.label, entity.entity_group, entity.score, exact)


def _shared(entity: Entity, span: Span) -> float:
    """Overlap as intersection over union of code points."""
    inside = min(entity.end, span.end) - max(entity.start, span.start)
    return max(0, inside) / (max(entity.end, span.end) - min(entity.start, span.start))
