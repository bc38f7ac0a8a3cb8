"""Pictures of the report as inline SVG; colours are the page's, so they follow light and dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

Scored = dict[str, Any]


def bar(score: Scored, low: float, high: float, other: float | None = None) -> str:
    """A score's interval on the line from `low` to `high`; a tick where the champion's score lies."""
    if score.get("value") is None:
        return ""
    width, spread = 220, (high - low) or 1.0

    def x(value: float) -> float:
        return 6 + (width - 12) * min(max((value - low) / spread, 0.0), 1.0)

    value, start, end = score["value"], score.get("low"), score.get("high")
    start, end = (value if start is None else start), (value if end is None else end)
    tick = f'<path class="other" d="M{x(other):.1f} 2V20"><title>champion</title></path>' if other is not None else ""
    return (
        f'<svg width="{width}" height="22" viewBox="0 0 {width} 22" aria-hidden="true">'
        f'<path class="axis" d="M6 11H{width - 6}"/>'
        f'<rect class="band" x="{x(start):.1f}" y="7" width="{max(x(end) - x(start), 1):.1f}" height="8" rx="4"/>{tick}'
        f'<circle class="dot" cx="{x(value):.1f}" cy="11" r="4.5"/></svg>'
    )


def reliability(bins: Sequence[Scored]) -> str:
    """Accuracy against mean score of the bins; bars behind show where the decisions are."""
    size, left, base = 300, 40, 268
    most = max((one["count"] for one in bins), default=0) or 1

    def at(score: float, accuracy: float) -> str:
        return f"{left + size * score:.1f},{base - 250 * accuracy:.1f}"

    counts = "".join(
        f'<rect class="bars" width="{size / len(bins) - 4:.1f}" x="{left + size * one["low"] + 2:.1f}" '
        f'y="{base - 70 * one["count"] / most:.1f}" height="{70 * one["count"] / most:.1f}">'
        f"<title>{one['count']} decisions</title></rect>"
        for one in bins
    )
    known = [one for one in bins if one["count"]]
    points = [at(one["score"], one["accuracy"]) for one in known]
    dots = "".join(
        f'<circle class="dot" cx="{p.split(",")[0]}" cy="{p.split(",")[1]}" r="4"><title>score {one["score"]:.3f}, '
        f"right {one['accuracy']:.1%}, {one['count']} decisions</title></circle>"
        for p, one in zip(points, known, strict=True)
    )
    return (
        f'<svg viewBox="0 0 360 310" width="420" role="img" aria-label="reliability diagram">{counts}'
        f'<path class="axis" d="M{left} 18V{base}H{left + size}"/>'
        f'<path class="ideal" d="M{at(0, 0)} L{at(1, 1)}"/><polyline class="trace" points="{" ".join(points)}"/>{dots}'
        f"{_ticks(left, size, base)}"
        f'<text x="{left + size}" y="{base + 36}" text-anchor="end">mean score →</text>'
        f'<text x="{left + 6}" y="14">↑ share right</text></svg>'
    )


def _ticks(left: int, size: int, base: int) -> str:
    return "".join(
        f'<text x="{left + size * v:.0f}" y="{base + 17}" text-anchor="middle">{v:g}</text>'
        f'<text x="{left - 7}" y="{base - 250 * v + 4:.0f}" text-anchor="end">{v:g}</text>'
        for v in (0, 0.5, 1)
    )


def drops(rows: Sequence[Scored]) -> str:
    """Paired drop under each perturbation, with its interval."""
    known = [one for one in rows if one["drop"]["value"] is not None]
    ends = [
        v for one in known for v in (one["drop"]["value"], one["drop"]["low"], one["drop"]["high"]) if v is not None
    ]
    low, high = min([0.0, *ends]), max([0.02, *ends])
    left, width = 150, 560

    def x(value: float) -> float:
        return float(left + (width - left - 70) * (value - low) / (high - low))

    lines = [_drop(one, 22 + 30 * i, x) for i, one in enumerate(known)]
    height = 30 * len(known) + 14
    zero = f'<path class="zero" d="M{x(0):.1f} 4V{height - 4}"/>'
    body = "".join(lines) + zero
    return f'<svg viewBox="0 0 {width} {height}" width="760" role="img" aria-label="robustness">{body}</svg>'


def _drop(one: Scored, y: int, x: Any) -> str:
    drop, name = one["drop"], escape(one["perturbation"])
    start, end = sorted((x(0), x(drop["value"])))
    kind, wide = "loss" if drop["value"] > 0 else "gain", end - start
    whisker = ""
    if drop["low"] is not None and drop["high"] is not None:
        whisker = f'<path class="whisker" d="M{x(drop["low"]):.1f} {y}H{x(drop["high"]):.1f}"/>'
        end = max(end, x(drop["high"]))
    return (
        f'<text x="140" y="{y + 4}" text-anchor="end">{name}</text>'
        f'<rect class="{kind}" x="{start:.1f}" y="{y - 9}" width="{wide:.1f}" height="18" rx="3"/>'
        f'{whisker}<text x="{end + 8:.1f}" y="{y + 4}">{0.0 - drop["value"]:+.3f}</text>'
    )


def heat(confusions: Sequence[Scored], most: int = 20) -> str:
    """The confusion matrix as a table: rows are the truth, shades are shares of a row."""
    totals: dict[str | None, int] = {}
    for one in confusions:
        for name in (one["truth"], one["predicted"]):
            totals[name] = totals.get(name, 0) + one["count"]
    names = sorted((n for n in totals if n is not None), key=lambda n: (-totals[n], n))[:most]
    names.sort()
    order: list[str | None] = [*names, *([None] if None in totals else [])]
    counts = {(one["truth"], one["predicted"]): one["count"] for one in confusions}
    head = "".join(f"<th>{_name(name)}</th>" for name in order)
    rows = "".join(_heat_row(name, order, counts) for name in order)
    return f'<table class="heat"><tr><th class="row">truth ↓ / predicted →</th>{head}</tr>{rows}</table>'


def _heat_row(truth: str | None, order: list[str | None], counts: dict[tuple[str | None, str | None], int]) -> str:
    total = sum(counts.get((truth, name), 0) for name in order) or 1
    cells = []
    for name in order:
        count = counts.get((truth, name), 0)
        shade = f' style="background:rgba(var(--heat),{0.08 + 0.6 * count / total:.2f})"' if count else ""
        cells.append(f'<td{shade} title="{count / total:.1%} of the row">{count or ""}</td>')
    return f'<tr><th class="row">{_name(truth)}</th>{"".join(cells)}</tr>'


def _name(name: str | None) -> str:
    return "<i>nothing</i>" if name is None else escape(name)
