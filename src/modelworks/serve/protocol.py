"""A connection of HTTP/1.1: keep-alive, pipelining, chunked bodies, `Expect: 100-continue`, HEAD.

Limits come first. Nothing a client sends or leaves unsent holds memory or a connection beyond `Limits`: heads and
bodies are bounded, every phase has a deadline, and a client that does not read its answers is cut off. Answers leave
in the order of their requests. A fault is answered once, then the connection lingers (so that the answer is not lost
to a reset while the client still sends) and closes.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

from modelworks.core.errors import RequestError
from modelworks.serve.incoming import Incoming, Limits
from modelworks.serve.message import Feed, Handler, Pending, Response
from modelworks.serve.wire import Slot, Wire

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Host:
    """What all connections share: the handler, the limits, the wire, the clock's tick, whether the server drains."""

    def __init__(self, handler: Handler, limits: Limits | None = None) -> None:
        self.handler, self.limits = handler, limits or Limits()
        self.connections: set[Connection] = set()
        self.draining = False
        self.refused = 0
        """Connections turned away because there were too many."""
        self.faults: dict[int, int] = {}
        """Requests refused before they were whole, by status."""
        self.wire = Wire()

    def connection(self) -> Connection:
        """A protocol for `loop.create_server`."""
        return Connection(self)

    def tick(self) -> None:
        """End what has outlived its deadline; call about once a second."""
        now = time.monotonic()
        for connection in [c for c in self.connections if c.deadline < now]:
            connection.expire()

    def drain(self) -> None:
        """From now on every answer is a connection's last."""
        self.draining = True

    def idle(self) -> bool:
        """Whether no connection owes an answer or is in the middle of a request."""
        return not any(c.busy for c in self.connections)

    def close(self, *, force: bool = False) -> None:
        """Close connections that owe nothing; all of them by force."""
        for connection in list(self.connections):
            if force:
                connection.abort()
            elif not connection.busy:
                connection.finish()


class Connection(asyncio.Protocol):
    """One client. States: idle, in a head, in a body, owing answers, lingering (answered a fault, about to close)."""

    def __init__(self, host: Host) -> None:
        self.host, self.limits = host, host.limits
        self.deadline = time.monotonic() + host.limits.head_seconds
        self._transport: Any = None
        self._incoming = Incoming(self.limits, self)
        self._slots: deque[Slot] = deque()
        self._lingering = self._ended = self._paused = self._blocked = self._finished = False
        self._unread = 0

    # Transport

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if len(self.host.connections) >= self.limits.connections:
            self.host.refused += 1
            self._refuse(RequestError("too many connections", status=503, retry_after=1))
        self.host.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.host.connections.discard(self)
        self._ended = True
        for slot in self._slots:
            slot.gone()
        self._slots.clear()

    def data_received(self, data: bytes) -> None:
        if self._lingering or self._ended:
            return
        try:
            if not self._incoming.feed(data):
                self._last_request()
        except RequestError as fault:
            self._refuse(fault)
        if len(self._slots) > self.limits.pipeline and not self._paused:
            self._pause(True)

    def eof_received(self) -> bool:
        if not self._lingering:
            self._incoming.phase = ""  # of half a request; nobody waits for an answer to it
        if self._streaming is not None:  # who reads a stream to its end does not close before it
            self.abort()
            return False
        if self._slots:
            self._last_request()
            return True
        return False

    @property
    def _streaming(self) -> Feed | None:
        """The feed of the answer that is being sent."""
        return self._slots[0].feed if self._slots and self._slots[0].bytes == b"" else None

    def pause_writing(self) -> None:
        self._blocked = True
        self.deadline = time.monotonic() + self.limits.write_seconds
        self._pause(True)
        if self._streaming is not None:
            self._streaming.pause()

    def resume_writing(self) -> None:
        self._blocked, self._unread = False, 0
        self._pause(len(self._slots) > self.limits.pipeline)
        if self._streaming is not None:
            self._streaming.resume()
        self._rest()

    def _pause(self, wanted: bool) -> None:
        if wanted != self._paused and not self._ended:
            self._paused = wanted
            self._transport.pause_reading() if wanted else self._transport.resume_reading()

    # Requests

    def expected(self) -> None:
        if not self._slots:
            self._transport.write(CONTINUE)

    def whole(self) -> None:
        if self._ended or self._finished or (self._slots and self._slots[-1].last):
            return
        self._unread += self._blocked
        if self._unread > self.limits.pipeline:  # one read may hold thousands of requests: none is left unbounded
            self.abort()
            return
        slot = Slot(self._incoming.takes_chunks())
        slot.last = self._incoming.last() or self.host.draining
        self._slots.append(slot)
        request = self._incoming.request()
        result = self.host.handler(request)
        bodiless = request.method == "HEAD"
        if isinstance(result, Pending):
            slot.pending = result
            result.then(lambda value, _error: self._answer(slot, value, bodiless))
        else:
            self._answer(slot, result, bodiless)

    # Answers

    def _answer(self, slot: Slot, response: Response | None, bodiless: bool) -> None:
        response = response or Response(status=500)
        slot.last = slot.last or self.host.draining
        slot.pending = None
        if response.feed is None:
            slot.bytes = self.host.wire.whole(response, slot.last, bodiless)
        elif self._ended:
            response.feed.cancel()
        else:
            slot.last = slot.last or not slot.chunked
            slot.bytes, slot.feed = self.host.wire.begun(response, slot), response.feed
        if not self._ended:
            self._flush()

    def _flush(self) -> None:
        """Send the answers that are ready, oldest first."""
        ready: list[bytes] = []
        while self._slots and self._slots[0].bytes is not None:
            slot = self._slots[0]
            if slot.feed is not None:
                self._begin_feed(slot, ready)
                return
            self._slots.popleft()
            ready.append(slot.bytes or b"")
            if slot.last:
                self._slots.clear()
                self._transport.write(b"".join(ready))
                self.finish()
                return
        if ready:
            self._transport.write(ready[0] if len(ready) == 1 else b"".join(ready))
            self._rest()
            if self._paused and not self._blocked:
                self._pause(len(self._slots) > self.limits.pipeline)

    def _begin_feed(self, slot: Slot, ready: list[bytes]) -> None:
        """Send what is ready, the head of an answer in pieces, then its pieces as they come; what follows waits."""
        assert slot.feed is not None
        if slot.bytes == b"":
            return
        self._transport.write(b"".join([*ready, slot.bytes or b""]))
        slot.bytes = b""
        slot.feed.attach(lambda data: self._transport.write(slot.framed(data)), lambda: self._end_feed(slot))

    def _end_feed(self, slot: Slot) -> None:
        if self._ended:
            return
        if slot.chunked:
            self._transport.write(b"0\r\n\r\n")
        slot.feed, slot.bytes = None, b""
        self._flush()

    def _rest(self) -> None:
        if not self._incoming.phase and not self._slots:
            self.deadline = time.monotonic() + self.limits.idle_seconds

    def _last_request(self) -> None:
        """Answer what is owed, then close."""
        self._lingering = True
        if self._slots:
            self._slots[-1].last = True
        else:
            self.finish()

    # Faults and ends

    def _refuse(self, fault: RequestError) -> None:
        """Answer a fault in its turn, then close."""
        from modelworks.serve.answer import error_response

        self._lingering, self._incoming.phase = True, ""
        if self._finished or (self._slots and self._slots[-1].last):
            return
        self.host.faults[fault.status] = self.host.faults.get(fault.status, 0) + 1
        slot = Slot()
        slot.last = True
        self._slots.append(slot)
        self._answer(slot, error_response(fault), False)

    @property
    def busy(self) -> bool:
        """Owes an answer, or is in the middle of a request."""
        return bool(self._slots or self._incoming.phase)

    def expire(self) -> None:
        """The deadline has passed: what that means depends on the state."""
        if self._blocked or self._ended or (self._lingering and not self._slots):
            self.abort()
        elif self._paused:
            self.deadline = time.monotonic() + self.limits.body_seconds  # it is the server that does not read
        elif self._incoming.phase:
            self._refuse(RequestError(f"the request's {self._incoming.phase} did not arrive in time", status=408))
        elif not self._slots:
            self.finish()

    def finish(self) -> None:
        """Close once what was written has left; until the client closes too, drop what it still sends."""
        if self._ended or self._finished:
            return
        self._lingering = self._finished = True
        self.deadline = time.monotonic() + self.limits.linger_seconds
        self._pause(False)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._ended = True
        self._transport.abort()
