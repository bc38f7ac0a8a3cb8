"""Sending records on, behind the server's back: a thread a sink reads the record files and hands batches to it.

At least once from here, and known by its id there: so each record arrives once, whichever side dies. What a sink cannot
take now is tried again with growing pauses and smaller batches, and waits on the disk meanwhile; what it will never
take goes to the dead letters. One process at a time ships from a folder to a sink; others stand by for its lock.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from pathlib import Path

from modelworks.contracts.sink import Door, Outcome, SinkError
from modelworks.core import files
from modelworks.core.errors import ModelworksError
from modelworks.serve import deadletters
from modelworks.serve.spool import Line, Spool

log = logging.getLogger("modelworks.serve")
MOST = 1000
"""Documents of one batch."""
BYTES = 4 << 20
"""Of one batch, about."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0


class Shipper(threading.Thread):
    """Ships what lies in `folder` to one sink until it is told to stop."""

    def __init__(self, folder: Path, sink: str, door: Door, every: float = 0.5) -> None:
        super().__init__(name=f"ship-{sink}", daemon=True)
        self.spool, self.sink = Spool(folder, sink), sink
        self._door, self._every = door, every
        self._ending, self._end = threading.Event(), float("inf")
        self._most, self._pause = MOST, FIRST_PAUSE
        self._buried: set[str] = set()
        self.shipped = self.known = self.dead = self.waiting = self.lost = 0
        self.problem = ""
        """Why nothing goes on; empty when it does."""

    def stop(self, seconds: float = 5.0) -> None:
        """Go on with what waits for so many seconds at most, and end. A batch on its way then is sent again at the
        next start."""
        self._end = time.monotonic() + seconds
        self._ending.set()
        self.join(seconds + 1)

    def run(self) -> None:
        ending = False
        while not ending:
            ending = self._ending.wait(self._every)
            with files.locked(self.spool.lock, wait=False) as mine:
                if mine:
                    self._ship()
        self._door.close()

    def _ship(self) -> None:
        self.spool = Spool(self.spool.folder, self.sink)  # another process may have shipped until now
        while time.monotonic() < self._end:
            ending, more = self._ending.is_set(), self.once()
            if ending and (self.problem or not more):
                return
            self._ending.wait(self._pause if self.problem else 0 if more else self._every)

    def once(self) -> bool:
        """Send one batch; whether there was one."""
        lines: list[Line] = []
        try:
            self.waiting, self.lost = self.spool.look(), self.spool.lost
            lines = self.spool.read(self._most, BYTES)
            if lines:
                self._send(lines)
            self._went()
        except Exception as error:
            self._stuck(error, len(lines))
        return bool(lines)

    def _send(self, lines: list[Line]) -> None:
        """Hand over lines; what has arrived, or is among the dead letters, is done with."""
        sent = [line for line in lines if line.document is not None]
        refused = {line.end: "the line holds no JSON object" for line in lines if line.document is None}
        later: Line | None = None
        if sent:
            outcome = self._handed(sent)
            refused |= {sent[position].end: reason for position, reason in outcome.refused.items()}
            self.known += outcome.known
            later = sent[min(outcome.again)] if outcome.again else None
        self._bury([(line, refused[line.end]) for line in lines if line.end in refused])
        done = lines[: lines.index(later)] if later else lines
        self.spool.done(done)
        self.shipped += sum(line.end not in refused for line in done)
        if later:
            raise SinkError(f"it cannot take all now: {outcome.reason}")
        self._buried.clear()

    def _handed(self, sent: list[Line]) -> Outcome:
        try:
            return self._door.send([line.document for line in sent if line.document])
        except SinkError as error:
            if error.too_large and len(sent) == 1:
                return Outcome({0: error.message})
            raise

    def _bury(self, refused: list[tuple[Line, str]]) -> None:
        """Put lines among the dead letters, unless an earlier try of this batch has."""
        new = [(line, reason) for line, reason in refused if f"{line.file}:{line.end}" not in self._buried]
        if new:
            deadletters.put(self.spool.folder, self.sink, [(line.raw, reason) for line, reason in new])
            self._buried |= {f"{line.file}:{line.end}" for line, _ in new}
            self.dead += len(new)
            log.error("%s refuses %d records for good, the first: %s", self.sink, len(new), new[0][1])

    def _went(self) -> None:
        if self.problem:
            log.warning("%s takes records again", self.sink)
        self.problem, self._pause, self._most = "", FIRST_PAUSE, min(MOST, self._most * 2)

    def _stuck(self, error: Exception, size: int) -> None:
        """Once a problem: say so. Then less at once, and later."""
        words = error.message if isinstance(error, ModelworksError) else f"{type(error).__name__}: {error}"
        if not self.problem:
            log.warning("%s takes no records now, they wait on the disk: %s", self.sink, error)
        self.problem, self._most = words, max(1, size // 2)
        too_large = isinstance(error, SinkError) and error.too_large
        self._pause = 0.0 if too_large else min(LONGEST_PAUSE, max(FIRST_PAUSE, self._pause * random.uniform(1.5, 2.5)))  # noqa: S311
