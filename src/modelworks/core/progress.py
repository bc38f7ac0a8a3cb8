"""How long work tells where it stands. Stages speak to this protocol; the command line draws it."""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol


class Progress(Protocol):
    """Told by the worker; every call is cheap and never raises."""

    def start(self, what: str, total: float | None = None, unit: str = "") -> None:
        """A part of the work begins; `total` units are expected (None: not known)."""

    def advance(self, done: float = 1, **facts: Any) -> None:
        """`done` more units; `facts` are figures worth showing (loss, accuracy…)."""

    def say(self, text: str) -> None:
        """One line for the reader."""


class Silent:
    """Shows nothing."""

    def start(self, what: str, total: float | None = None, unit: str = "") -> None: ...

    def advance(self, done: float = 1, **facts: Any) -> None: ...

    def say(self, text: str) -> None: ...


class Lines:
    """Plain lines on standard error, at most one every few seconds: for logs and CI."""

    def __init__(self, every: float = 5.0) -> None:
        self._every, self._what, self._total, self._unit = every, "", None, ""  # type: float, str, float | None, str
        self._done = self._began = self._said = 0.0

    def start(self, what: str, total: float | None = None, unit: str = "") -> None:
        self._what, self._total, self._unit, self._done = what, total, unit, 0.0
        self._began = self._said = time.monotonic()

    def advance(self, done: float = 1, **facts: Any) -> None:
        self._done += done
        now = time.monotonic()
        if now - self._said >= self._every:
            self._said = now
            self.say(" ".join([self._line(now), *(f"{k}={_figure(v)}" for k, v in facts.items())]))

    def _line(self, now: float) -> str:
        if not self._total:
            return f"{self._what}: {self._done:g} {self._unit}".rstrip()
        line = f"{self._what}: {self._done:g}/{self._total:g} {self._unit}".rstrip()
        if not self._done:  # then nothing is known of the pace
            return line
        left = (now - self._began) * (self._total - self._done) / self._done
        return f"{line} (about {left:.0f} s left)"

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 (this is where lines are printed)


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
