"""Curves for TensorBoard, written while training goes on: a progress that also keeps what it is told, step by step."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from modelworks.core.progress import Progress

_SECONDS = 5
"""Between two times that what was written reaches the disk."""


class Recorded:
    """`core.progress.Progress` that hands everything on, and writes figures as scalars named PART/FIGURE."""

    def __init__(self, progress: Progress, folder: Path) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._progress, self._what, self._step = progress, "", 0.0
        self._writer = EventFileWriter(str(folder), flush_secs=_SECONDS)

    def start(self, what: str, total: float | None = None, unit: str = "") -> None:
        self._what, self._step = what, 0.0
        self._progress.start(what, total, unit)

    def advance(self, done: float = 1, **facts: Any) -> None:
        self._step += done
        figures = {name: float(value) for name, value in facts.items() if isinstance(value, int | float)}
        if figures:
            self._write(figures)
        self._progress.advance(done, **facts)

    def say(self, text: str) -> None:
        self._progress.say(text)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()

    def _write(self, figures: dict[str, float]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=f"{self._what}/{name}", simple_value=value) for name, value in figures.items()]
        self._writer.add_event(Event(step=int(self._step), wall_time=time.time(), summary=Summary(value=values)))
