"""Pieces of HTML that tasks share. Everything that comes from data is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from modelworks.kinds import Label, Labels, LabelScores, LabelSet

_COLOURS = ("#cfe8ff", "#ffe0c2", "#d5f2d5", "#f7d1e3", "#e5dbff", "#fff3b0", "#c9f0ee", "#e6e1d6")


def bars(target: Label | None, prediction: Labels | None, most: int = 5) -> str:
    """The right label, and the best of the prediction as bars; the bar of the right one is green."""
    right = target.label if target else None
    lines = [f'<div class="target">target: <b>{escape(right)}</b></div>'] if right is not None else []
    for entry in prediction.labels_[:most] if prediction else ():
        colour = "#7cc47f" if entry.label == right else "#b9c3cf"
        lines.append(
            f'<div class="bar" style="background:linear-gradient(to right,{colour} {entry.score:.1%},transparent 0)">'
            f"{escape(entry.label)} {entry.score:.4f}</div>"
        )
    return "".join(lines)


def choices(target: LabelSet | None, prediction: LabelScores | None, most: int = 8) -> str:
    """The labels that apply, and the surest of the prediction as bars: chosen ones bold, right ones green."""
    right = target.labels_ if target else ()
    lines = [f'<div class="target">target: <b>{escape(target.as_text())}</b></div>'] if target is not None else []
    for entry in prediction.scores[:most] if prediction else ():
        colour = "#7cc47f" if entry.label in right else "#b9c3cf"
        name = escape(entry.label)
        name = f"<b>{name}</b>" if prediction and entry.label in prediction.labels_ else name
        lines.append(
            f'<div class="bar" style="background:linear-gradient(to right,{colour} {entry.score:.1%},transparent 0)">'
            f"{name} {entry.score:.4f}</div>"
        )
    return "".join(lines)


def marked(text: str, spans: Iterable[tuple[int, int, str]]) -> str:
    """A text with labelled stretches [start, end) marked; spans in order, not overlapping."""
    pieces, at = [], 0
    for start, end, label in spans:
        pieces.append(escape(text[at:start]))
        pieces.append(
            f'<mark style="background:{colour(label)}" title="{escape(label)}">{escape(text[start:end])}'
            f"<sub>{escape(label)}</sub></mark>"
        )
        at = end
    return "".join([*pieces, escape(text[at:])])


def colour(label: str) -> str:
    """The same colour for the same label, in every page."""
    return _COLOURS[sum(label.encode()) % len(_COLOURS)]
