"""How the command line draws: progress, tables, figures."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from modelworks.core.progress import Lines, Progress


@contextmanager
def progress() -> Iterator[Progress]:
    """Live bars on a terminal; plain lines elsewhere."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Rich

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Rich(
        *columns,
        TimeRemainingColumn(),
        TextColumn("{task.fields[facts]}"),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        yield Bars(bars)


class Bars:
    """Progress drawn by rich, one bar a part."""

    def __init__(self, bars: Any) -> None:
        self._bars, self._task = bars, None  # type: Any, Any

    def start(self, what: str, total: float | None = None, unit: str = "") -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(f"{what} ({unit})" if unit else what, total=total, facts="")

    def advance(self, done: float = 1, **facts: Any) -> None:
        if self._task is not None:
            shown = " ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in facts.items())
            self._bars.update(self._task, advance=done, **({"facts": shown} if shown else {}))

    def say(self, text: str) -> None:
        self._bars.console.print(text, highlight=False, markup=False)


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A plain aligned table; figures to the right."""
    cells = [[str(c) for c in header], *[[_cell(c) for c in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    right = [bool(rows) and all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(header))]
    lines = [
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)) for row in cells
    ]
    lines.insert(1, "  ".join("─" * w for w in widths))
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def interval(score: dict[str, Any]) -> str:
    """`0.4123 (0.3801 to 0.4432)`."""
    if score.get("value") is None:
        return "undefined"
    if score.get("low") is None:
        return f"{score['value']:.4f}"
    return f"{score['value']:.4f} ({score['low']:.4f} to {score['high']:.4f})"
