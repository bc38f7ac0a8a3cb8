"""Edits of a text, and where stretches of it lie afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Edit(NamedTuple):
    """Code points [start, end) give way to `new`."""

    start: int
    end: int
    new: str


def applied(text: str, edits: Sequence[Edit]) -> str:
    """The text after all edits, which are in order and do not overlap."""
    changed, at = [], 0
    for edit in edits:
        changed += [text[at : edit.start], edit.new]
        at = edit.end
    return "".join([*changed, text[at:]])


def place(start: int, end: int, edits: Sequence[Edit]) -> tuple[int, int]:
    """Where [start, end) lies after the edits: a text inserted at its edge stays outside of it."""
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
