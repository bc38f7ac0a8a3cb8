"""Edits of a text that carry the spans of its target along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from modelworks.kinds import Kind, Span, Spans, Text


class Edit(NamedTuple):
    """Code points [start, end) give way to `new`."""

    start: int
    end: int
    new: str


def edited(input: Kind, target: Kind | None, edits: Sequence[Edit]) -> tuple[Text, Kind | None]:
    """The text after all edits (in order, not overlapping) and the target whose spans lie on the same things.

    A text inserted at the edge of a span stays outside of it; a span of which nothing is left goes."""
    assert isinstance(input, Text)
    changed, at = [], 0
    for edit in edits:
        changed += [input.text[at : edit.start], edit.new]
        at = edit.end
    changed.append(input.text[at:])
    moved = _moved(target, edits) if isinstance(target, Spans) else target
    return Text("".join(changed)), moved


def _moved(target: Spans, edits: Sequence[Edit]) -> Spans:
    spans = [Span(*_place(span.start, span.end, edits), span.label) for span in target.spans]
    tokens = [_place(start, end, edits) for start, end in target.tokens]
    return Spans(tuple(span for span in spans if span.start < span.end), tuple(t for t in tokens if t[0] < t[1]))


def _place(start: int, end: int, edits: Sequence[Edit]) -> tuple[int, int]:
    """Where [start, end) lies after the edits."""
    first, last = start, end
    for edit in edits:
        grown = len(edit.new) - (edit.end - edit.start)
        if edit.end <= start:
            first += grown
        elif edit.start < start:
            first += min(0, len(edit.new) - (start - edit.start))
        if edit.end <= end and (edit.start < end or edit.end <= start):
            last += grown
        elif edit.start < end < edit.end:
            last += min(0, len(edit.new) - (end - edit.start))
    return first, last


def chosen(count: int, share: float, generator: np.random.Generator) -> list[int]:
    """About `share` of the numbers below `count`, but at least one (when there are any), in order."""
    if not count:
        return []
    size = max(1, int(generator.binomial(count, share)))
    return sorted(int(n) for n in generator.choice(count, size, replace=False))
