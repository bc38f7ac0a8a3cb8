"""Admission and batching: who runs when, with whom.

One *lane* (a thread) per core shares one predictor whose graphs use one thread each. A free lane takes its own next
batch from what waits: no timer, no waiting for company. The batch is `ceil(outstanding / (lanes + 1))` rows up to a
cap, a window of similar lengths that contains the oldest row, so that little is padded and nobody starves. A model
that answers within microseconds runs on the event loop instead, in batches of whatever one turn of it brought.

Everything but `_lane` and `_take` runs on the event loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelworks.core.errors import RequestError
from modelworks.kinds import Kind
from modelworks.serve.batching import choose
from modelworks.serve.message import Pending

if TYPE_CHECKING:
    from modelworks.bundle import Predictor
    from modelworks.bundle.interpreter import Row

log = logging.getLogger("modelworks.serve")
QUICK = 4096
"""Characters or bytes up to which an input is prepared, and a microsecond model run, on the event loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a model is run: measured when it is opened (`serve.measure`)."""

    inline: bool = False
    """Run on the event loop."""
    cap: int = 8
    """Most rows of a batch."""
    curve: tuple[float, ...] = ()
    """Cost of a row in batches of 1, 2, 4, … rows, relative to a lone one."""
    budget: int = 1 << 30
    """Most padded length of a batch: rows times the longest row's length."""
    lanes: int = 2
    queue: int = 1024
    """Rows that may be admitted and unanswered."""
    deadline: float = 10.0
    """Seconds from admission to answer."""
    row_seconds: float = 0.0
    """Measured cost of one row, for Retry-After."""


class Timing:
    """Seconds of one batch's stages, and its shape."""

    __slots__ = ("longest", "model", "prepare", "rows", "total_length", "waited")

    def __init__(self) -> None:
        self.waited = self.prepare = self.model = 0.0
        self.rows, self.longest, self.total_length = 0, 0, 0


@dataclass(slots=True)
class Answer:
    """What an admitted request gets: predictions in the order of its inputs, and the timing of its last batch."""

    predictions: list[Kind]
    timing: Timing
    length: int = 0
    """Of all inputs, by the program's measure (subwords, for texts); 0 when it has none."""


class _Job:
    """One admitted request."""

    __slots__ = ("admitted", "left", "length", "pending", "predictions")

    def __init__(self, count: int, pending: Pending[Answer], admitted: float) -> None:
        self.pending, self.left, self.admitted, self.length = pending, count, admitted, 0
        self.predictions: list[Kind | None] = [None] * count


class _Item:
    """One input of a job."""

    __slots__ = ("index", "input", "job", "length", "row")

    def __init__(self, job: _Job, index: int, input: Kind) -> None:
        self.job, self.index, self.input = job, index, input
        self.row: Row | None = None
        self.length = 0


Outcome = Kind | Exception


class Engine:
    """Runs one predictor for many requests. `observe(timing)` is called once a batch, on the event loop."""

    def __init__(self, predictor: Predictor, plan: Plan, observe: Callable[[Timing], None] = lambda timing: None):
        self.predictor, self.plan, self._observe = predictor, plan, observe
        self._loop = asyncio.get_running_loop()
        self._by_length = predictor.manifest.program.length is not None
        self._jobs: deque[_Job] = deque()
        self._turn: list[_Item] = []
        self._alone = False
        self._waiting: deque[_Item] = deque()
        self._ready = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._closed = False
        self.outstanding = 0
        """Rows admitted and not yet answered."""

    # Admission

    def submit(self, inputs: Sequence[Kind]) -> Pending[Answer]:
        """Admit a request: its answer later, or an error. RequestError 413/429 when there is no room."""
        count = len(inputs)
        self._admit(count)
        pending: Pending[Answer] = Pending(lambda: self._end(job, RequestError("the client has gone", status=499)))
        job = _Job(count, pending, time.monotonic())
        items = [_Item(job, index, value) for index, value in enumerate(inputs)]
        self.outstanding += count
        self._jobs.append(job)
        if not items:
            pending.resolve(Answer([], Timing()))
        elif self.plan.inline and sum(item.input.size() for item in items) <= QUICK:
            self._later(items)
        else:
            self._queue(items)
        return pending

    def _admit(self, count: int) -> None:
        if count > self.plan.queue:
            raise RequestError(
                "too many inputs in one request", status=413, seen=count, allowed=f"at most {self.plan.queue}"
            )
        if self.outstanding + count > self.plan.queue:
            wait = self.outstanding * self.plan.row_seconds / (1 if self.plan.inline else self.plan.lanes)
            raise RequestError(
                "the server is busy: its queue is full", status=429, retry_after=max(1, math.ceil(wait)),
                allowed=f"{self.plan.queue} inputs waiting", hint="ask again after Retry-After seconds",
            )  # fmt: skip

    def tick(self) -> None:
        """Give up on requests beyond their deadline; call a few times a second."""
        limit = time.monotonic() - self.plan.deadline
        while self._jobs and (self._jobs[0].pending.done or self._jobs[0].admitted < limit):
            job = self._jobs.popleft()
            if not job.pending.done:
                self._end(job, RequestError(
                    "no answer within the deadline", status=503, retry_after=1, allowed=f"{self.plan.deadline:g} s"
                ))  # fmt: skip

    def _end(self, job: _Job, error: Exception) -> None:
        if not job.pending.done:
            self.outstanding -= job.left
            job.left = 0
            job.pending.fail(error)

    # On the event loop

    def _later(self, items: list[_Item]) -> None:
        if self._alone and not self._turn and len(items) == 1:
            # The last turn brought one request: so may this one. Answer at once, then look whether it was so.
            self._alone = False
            self._loop.call_soon(self._look)
            self._run_inline(items)
            return
        if not self._turn:
            self._loop.call_soon(self._run_turn)
        self._turn.extend(items)

    def _look(self) -> None:
        self._alone = not self._turn

    def _run_turn(self) -> None:
        batch, self._turn = self._turn[: self.plan.cap], self._turn[self.plan.cap :]
        if self._turn:
            self._loop.call_soon(self._run_turn)
        self._alone = len(batch) == 1 and not self._turn
        self._run_inline([item for item in batch if not item.job.pending.done])

    def _run_inline(self, batch: list[_Item]) -> None:
        timing = Timing()
        self._deliver(batch, self._run(batch, timing), timing)

    # In lanes

    def _queue(self, items: list[_Item]) -> None:
        if not self._threads:
            self._start()
        for item in items:
            self._measure(item)
        with self._ready:
            self._waiting.extend(items)
            self._ready.notify(len(items))

    def _measure(self, item: _Item) -> None:
        """Find a row's length; small ones are prepared on the way."""
        size = item.input.size()
        if not self._by_length:
            return
        item.length = size
        if size <= QUICK:
            try:
                item.row = self.predictor.prepare([item.input])[0]
            except Exception as error:
                self._end(item.job, error)
            else:
                item.length = item.row.length

    def _start(self) -> None:
        self._threads = [
            threading.Thread(target=self._lane, name=f"lane-{number}", daemon=True)
            for number in range(self.plan.lanes)
        ]  # fmt: skip
        for thread in self._threads:
            thread.start()

    def _lane(self) -> None:
        while True:
            with self._ready:
                while not self._waiting and not self._closed:
                    self._ready.wait()
                if not self._waiting:
                    return
                batch = self._take()
            timing = Timing()
            outcomes = self._run(batch, timing)
            try:
                self._loop.call_soon_threadsafe(self._deliver, batch, outcomes, timing)
            except RuntimeError:  # the loop is closed: nobody is left to answer
                return

    def _take(self) -> list[_Item]:
        """The next batch, removed from what waits; the lock is held."""
        waiting = [item for item in self._waiting if not item.job.pending.done]
        most = max(1, min(self.plan.cap, math.ceil(self.outstanding / (self.plan.lanes + 1))))
        batch = choose(waiting, most, self.plan.curve, self.plan.budget)
        taken = set(map(id, batch))
        self._waiting = deque(item for item in waiting if id(item) not in taken)
        return batch

    # Everywhere

    def _run(self, batch: list[_Item], timing: Timing) -> list[Outcome]:
        """A prediction or an error for each item. One bad input does not spoil the batch."""
        if not batch:
            return []
        start = time.monotonic()
        timing.waited = start - batch[0].job.admitted
        try:
            rows = self._prepare(batch)
            prepared = time.monotonic()
            outcomes: list[Outcome] = list(self.predictor.finish(rows))
        except Exception as error:
            if len(batch) == 1:
                return [error]
            return [outcome for item in batch for outcome in self._run([item], Timing())]
        timing.prepare, timing.model = prepared - start, time.monotonic() - prepared
        lengths = [row.length for row in rows]
        timing.rows, timing.longest, timing.total_length = len(rows), max(lengths), sum(lengths)
        if self._by_length:
            for item, length in zip(batch, lengths, strict=True):
                item.length = length
        return outcomes

    def _prepare(self, batch: list[_Item]) -> list[Row]:
        if all([item.row is None for item in batch]):
            return self.predictor.prepare([item.input for item in batch])
        return [item.row or self.predictor.prepare([item.input])[0] for item in batch]

    def _deliver(self, batch: list[_Item], outcomes: list[Outcome], timing: Timing) -> None:
        for item, outcome in zip(batch, outcomes, strict=True):
            job = item.job
            if job.pending.done:
                continue
            if isinstance(outcome, Exception):
                self._end(job, outcome)
                continue
            job.predictions[item.index] = outcome
            job.left -= 1
            job.length += item.length
            self.outstanding -= 1
            if not job.left:
                job.pending.resolve(Answer(job.predictions, timing, job.length))  # type: ignore[arg-type]  # all are there
        while self._jobs and self._jobs[0].pending.done:
            self._jobs.popleft()
        if timing.rows:
            self._observe(timing)

    def close(self) -> None:
        """Let the lanes end when nothing waits any more."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()
