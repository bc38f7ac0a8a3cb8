"""Answers that come in pieces: a thread each, so that several run at once and an engine can merge their steps.

A program with an op that streams (text generation) is always run this way, whether or not the client wants the
pieces: its answers take seconds, not milliseconds, and one whose client has gone is stopped at its next piece.
A stream that is silent for longer than the deadline, before its first piece or between two, is given up: its client is
told, its thread ends at its next piece. While it is the client that reads slowly, no time counts.
Everything but `Running._work` and what it calls runs on the event loop's thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from modelworks.contracts import op as ops
from modelworks.core.errors import RequestError
from modelworks.kinds import Kind
from modelworks.serve.engine import Answer, Timing
from modelworks.serve.message import Pending

if TYPE_CHECKING:
    from modelworks.bundle import Predictor

Take = Callable[[Any], None]
Done = Callable[[Kind | None, Exception | None], None]


class Flow:
    """What one finished stream was like."""

    __slots__ = ("first", "pieces", "seconds")

    def __init__(self) -> None:
        self.first = 0.0
        """Seconds from its request to its first piece."""
        self.seconds = 0.0
        """From the first piece to the last."""
        self.pieces = 0


class Running:
    """One answer on its way. `take` gets every piece, `done` the prediction or why there is none."""

    def __init__(self, streams: Streams, value: Kind, take: Take, done: Done) -> None:
        self._streams, self._value, self._take, self._done = streams, value, take, done
        self._gate = threading.Event()
        self._gate.set()
        self._gone = self._over = False
        self._flow, self._began = Flow(), time.monotonic()
        self._heard = self._began
        self._timer = streams.loop.call_later(streams.deadline, self._watch)
        threading.Thread(target=self._work, name="stream", daemon=True).start()

    def cancel(self) -> None:
        """Nobody listens any more: the work ends at its next piece."""
        self._gone = True
        self._timer.cancel()
        self._gate.set()

    def pause(self) -> None:
        """Wait before the next piece: the client reads slowly."""
        self._gate.clear()
        if self._gone:
            self._gate.set()

    def resume(self) -> None:
        self._heard = time.monotonic()
        self._gate.set()

    def _watch(self) -> None:
        """Give up when nothing was heard within the deadline; else look again when it would have passed."""
        now, deadline = time.monotonic(), self._streams.deadline
        if not self._gate.is_set():
            self._heard = now
        left = self._heard + deadline - now
        if left > 0:
            self._timer = self._streams.loop.call_later(left, self._watch)
            return
        self.cancel()
        what = "next" if self._flow.pieces else "first"
        self._finish(None, RequestError(
            f"no {what} piece of the answer within the deadline", status=503, retry_after=1, allowed=f"{deadline:g} s",
        ))  # fmt: skip

    def _work(self) -> None:
        found: Kind | None = None
        fault: Exception | None = None
        try:
            with closing(self._streams.predictor.stream(self._value)) as pieces:  # type: ignore[type-var]  # a generator
                for piece in pieces:
                    if self._gone:
                        raise RequestError("the client has gone", status=499)
                    if isinstance(piece, Kind):
                        found = piece
                    else:
                        self._send(piece)
        except Exception as error:
            fault = error
        self._call(self._end, found, fault)

    def _send(self, piece: Any) -> None:
        flow, now = self._flow, time.monotonic()
        if not flow.pieces:
            flow.first = now - self._began
        flow.pieces += 1
        flow.seconds = now - self._began - flow.first
        self._call(self._hand, piece)
        self._gate.wait()

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            self._streams.loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed: nobody is left to answer
            self._gone = True

    def _hand(self, piece: Any) -> None:
        self._heard = time.monotonic()
        if not self._gone:
            self._take(piece)

    def _end(self, found: Kind | None, fault: Exception | None) -> None:
        self._timer.cancel()
        self._streams.ended(self._flow)
        self._finish(found, fault)

    def _finish(self, found: Kind | None, fault: Exception | None) -> None:
        """Tell once how it ended; a thread that was given up ends later, and is not heard."""
        if not self._over:
            self._over = True
            self._done(found, fault)


class Streams:
    """Runs one predictor's streams, at most `most` at once, none silent for more than `deadline` seconds. Made on the
    event loop's thread."""

    def __init__(
        self, predictor: Predictor, most: int, deadline: float, observe: Callable[[Flow], None] = lambda flow: None
    ) -> None:
        self.predictor, self.most, self.deadline, self._observe = predictor, most, deadline, observe
        self.loop = asyncio.get_running_loop()
        self.outstanding = 0

    def open(self, value: Kind, take: Take, done: Done) -> Running:
        """Begin an answer; RequestError 429 when too many are on their way."""
        self._admit(1)
        return Running(self, value, take, done)

    def submit(self, inputs: Sequence[Kind]) -> Pending[Answer]:
        """All answers of a request, when the last is there; the pieces go nowhere."""
        self._admit(len(inputs))
        predictions: list[Any] = [None] * len(inputs)
        running: list[Running] = []
        pending: Pending[Answer] = Pending(lambda: _cancel(running))
        timing = Timing()
        timing.rows = len(inputs)
        left = len(inputs)

        def finish(position: int, found: Kind | None, fault: Exception | None) -> None:
            nonlocal left
            left -= 1
            predictions[position] = found
            if fault is not None and not pending.done:
                pending.fail(fault)
                _cancel(running)
            elif not left:
                timing.model = time.monotonic() - began
                pending.resolve(Answer(predictions, timing))

        began = time.monotonic()
        for position, value in enumerate(inputs):
            done: Done = lambda found, fault, at=position: finish(at, found, fault)  # type: ignore[misc]  # noqa: E731
            running.append(Running(self, value, lambda piece: None, done))
        if not inputs:
            pending.resolve(Answer([], timing))
        return pending

    def _admit(self, count: int) -> None:
        if count > self.most:
            raise RequestError("too many inputs in one request", status=413, seen=count, allowed=f"at most {self.most}")
        if self.outstanding + count > self.most:
            raise RequestError(
                "the server is busy: as many answers as may be are on their way", status=429, retry_after=1,
                allowed=f"{self.most} at once", hint="ask again after Retry-After seconds",
            )  # fmt: skip
        self.outstanding += count

    def ended(self, flow: Flow) -> None:
        """A stream is over, whichever way."""
        self.outstanding -= 1
        if flow.pieces:
            self._observe(flow)


def _cancel(running: Sequence[Running]) -> None:
    for one in running:
        one.cancel()


def in_pieces(program: Any) -> bool:
    """Whether an op of the program streams."""
    return any(call.op is not None and ops.find(call.op).streams for call in program.calls)
