"""`pareto.svg`: latency against the metric, the area of a point is its size on disk. Readable in light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 28, 48
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#475569}.name{fill:#0f172a}.axis{stroke:#cbd5e1}"
    ".point{fill:#64748b;fill-opacity:.45;stroke:#64748b}.chosen{fill:#2563eb;stroke:#2563eb}"
    ".front{fill:none;stroke:#2563eb;stroke-dasharray:4 4;stroke-opacity:.6}"
    "@media (prefers-color-scheme:dark){text{fill:#94a3b8}.name{fill:#f1f5f9}.axis{stroke:#334155}"
    ".chosen{fill:#60a5fa;stroke:#60a5fa}.front{stroke:#60a5fa}}"
)


def pareto(rows: Sequence[dict[str, Any]], metric: str) -> str:
    """An SVG document of the measured variants."""
    rows = [row for row in rows if not row.get("error")]
    x, y = (
        _scale([row["p50_ms"] for row in rows], LEFT, WIDTH - RIGHT),
        _scale([row["metric"] for row in rows], HEIGHT - BOTTOM, TOP),
    )
    front = sorted(_front(rows), key=lambda row: float(row["p50_ms"]))
    line = " ".join(f"{x(row['p50_ms']):.1f},{y(row['metric']):.1f}" for row in front)
    points = "".join(_point(row, x(row["p50_ms"]), y(row["metric"]), rows) for row in rows)
    points += _names([(row["variant"], x(row["p50_ms"]), y(row["metric"]), _radius(row, rows)) for row in rows])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="variants: latency against {escape(metric)}"><style>{STYLE}</style>'
        f"{_axes(rows, metric, x, y)}<polyline class='front' points='{line}'/>{points}</svg>\n"
    )


def _scale(values: Sequence[float], start: float, end: float) -> Any:
    low, high = min(values, default=0.0), max(values, default=1.0)
    pad = (high - low) * 0.12 or abs(high) * 0.05 or 1.0
    low, high = low - pad, high + pad
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _front(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows that no other beats in both latency and share kept."""

    def beaten(row: dict[str, Any]) -> bool:
        return any(
            other["p50_ms"] <= row["p50_ms"] and other["kept"] >= row["kept"]
            and (other["p50_ms"] < row["p50_ms"] or other["kept"] > row["kept"])
            for other in rows
        )  # fmt: skip

    return [row for row in rows if not beaten(row)]


def _radius(row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> float:
    """Area as the size on disk."""
    return float(5 + 13 * math.sqrt(row["size"] / max(other["size"] for other in rows)))


def _point(row: dict[str, Any], x: float, y: float, rows: Sequence[dict[str, Any]]) -> str:
    title = f"{row['variant']}: {row['p50_ms']:.2f} ms, {row['metric']:.4f}, {row['size'] / 1e6:.1f} MB"
    chosen = " chosen" if row.get("chosen") else ""
    circle = f'<circle class="point{chosen}" cx="{x:.1f}" cy="{y:.1f}" r="{_radius(row, rows):.1f}"/>'
    return f"<g><title>{escape(title)}</title>{circle}</g>"


def _names(points: Sequence[tuple[str, float, float, float]]) -> str:
    """Names beside the points, each moved up or down until it covers no other, with a line back to its point."""
    taken: list[tuple[float, float, float]] = []
    parts = []
    for name, x, y, radius in sorted(points, key=lambda point: point[1]):
        wide = 7.0 * len(name) + 6
        start = x + radius + 6 if x + radius + wide < WIDTH else x - radius - 6 - wide
        shift = next(s for s in _SHIFTS if all(_clear(start, y + s, wide, other) for other in taken))
        taken.append((start, y + shift, wide))
        line = f'<path class="axis" d="M{x:.1f} {y:.1f}L{start:.1f} {y + shift:.1f}"/>' if shift else ""
        parts.append(f'{line}<text class="name" x="{start:.1f}" y="{y + shift + 4:.1f}">{escape(name)}</text>')
    return "".join(parts)


_SHIFTS = [sign * step * 17 for step in range(40) for sign in (-1, 1)]


def _clear(start: float, y: float, wide: float, other: tuple[float, float, float]) -> bool:
    return abs(y - other[1]) >= 16 or start + wide < other[0] or other[0] + other[2] < start


def _axes(rows: Sequence[dict[str, Any]], metric: str, x: Any, y: Any) -> str:
    base, parts = HEIGHT - BOTTOM, []
    parts.append(f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{base}H{WIDTH - RIGHT}"/>')
    latencies, scores = [row["p50_ms"] for row in rows], [row["metric"] for row in rows]
    for value in sorted({min(latencies, default=0), max(latencies, default=0)}):
        parts.append(f'<text x="{x(value):.1f}" y="{base + 18}" text-anchor="middle">{value:.3g}</text>')
    for value in sorted({min(scores, default=0), max(scores, default=0)}):
        parts.append(f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.3f}</text>')
    parts.append(
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 10}" text-anchor="end">latency of one request, p50, ms →</text>'
    )
    parts.append(f'<text x="{LEFT}" y="{TOP - 12}" text-anchor="start">↑ {escape(metric)}</text>')
    return "".join(parts)
