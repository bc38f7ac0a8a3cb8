"""Requests and responses as plain values, so that every handler can be called without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

T = TypeVar("T")
U = TypeVar("U")
JSON = "application/json"
EVENTS = "text/event-stream"
Call = Callable[[], None]


class Request:
    """One whole request. Header names are lower-case bytes, as values are bytes, decoded only where read."""

    __slots__ = ("body", "headers", "id", "method", "path", "query", "received")

    def __init__(
        self, method: str, path: str, query: str = "", headers: Mapping[bytes, bytes] | None = None, body: bytes = b""
    ) -> None:
        self.method, self.path, self.query, self.body = method, path, query, body
        self.headers: Mapping[bytes, bytes] = headers or {}
        self.id = ""
        """Given by the client (X-Request-Id) or by the server; set by the app."""
        self.received = 0.0
        """Monotonic seconds; set by the app."""

    def header(self, name: bytes) -> str:
        """A header's value, or the empty string."""
        return self.headers.get(name, b"").decode("latin-1")

    def media_type(self) -> str:
        """The body's type without parameters, lower-case."""
        return self.header(b"content-type").partition(";")[0].strip().lower()

    def accepts(self, media: str) -> bool:
        """Whether the Accept header names a media type."""
        return media in self.header(b"accept").lower()

    def asks(self, flag: str) -> bool:
        """Whether the query holds `flag=1`."""
        return bool(self.query) and (flag, "1") in parse_qsl(self.query)


class Feed:
    """A body that comes in pieces. `write(data)` and `end()` may come before anybody is attached.

    Args:
        cancel: called when the client has gone.
        pause, resume: called when it reads slowly, and when it has caught up."""

    __slots__ = ("_ended", "_over", "_waiting", "_write", "cancel", "pause", "resume")

    def __init__(self, cancel: Call, pause: Call = lambda: None, resume: Call = lambda: None) -> None:
        self.cancel, self.pause, self.resume = cancel, pause, resume
        self._waiting: list[bytes] = []
        self._over = False
        self._write: Callable[[bytes], None] | None = None
        self._ended: Call | None = None

    def write(self, data: bytes) -> None:
        """One more piece."""
        if self._write is None:
            self._waiting.append(data)
        elif data:
            self._write(data)

    def end(self) -> None:
        """That was all."""
        self._over = True
        if self._ended is not None:
            self._ended()

    def attach(self, write: Callable[[bytes], None], ended: Call) -> None:
        """Who sends the body: gets what waits at once, and what comes later."""
        self._write, self._ended = write, ended
        if self._waiting:
            write(b"".join(self._waiting))
            self._waiting.clear()
        if self._over:
            ended()


@dataclass(slots=True)
class Response:
    """One response; with a `feed`, its body comes from there in pieces and `body` is not looked at."""

    body: bytes = b""
    status: int = 200
    media_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    feed: Feed | None = None


class Pending(Generic[T]):
    """A value that comes later, on the event loop's thread.

    Lighter than an asyncio.Future: what waits for it is called at once, without another turn of the loop."""

    __slots__ = ("_cancel", "_error", "_then", "_value", "done")

    def __init__(self, cancel: Callable[[], None] | None = None) -> None:
        self.done = False
        self._value: T | None = None
        self._error: Exception | None = None
        self._then: Callable[[T | None, Exception | None], None] | None = None
        self._cancel = cancel

    def resolve(self, value: T) -> None:
        """Give the value; nothing happens when it is already done."""
        self._settle(value, None)

    def fail(self, error: Exception) -> None:
        """Give an error instead; nothing happens when it is already done."""
        self._settle(None, error)

    def _settle(self, value: T | None, error: Exception | None) -> None:
        if self.done:
            return
        self.done, self._value, self._error = True, value, error
        if self._then is not None:
            self._then(value, error)

    def then(self, function: Callable[[T | None, Exception | None], None]) -> None:
        """Call `function(value, error)` once, now or later. One listener."""
        self._then = function
        if self.done:
            function(self._value, self._error)

    def map(self, function: Callable[[T], U]) -> Pending[U]:
        """A pending `function(value)`; an exception of either is its error."""
        mapped: Pending[U] = Pending(self.cancel)

        def forward(value: T | None, error: Exception | None) -> None:
            if error is not None:
                mapped.fail(error)
                return
            try:
                mapped.resolve(function(value))  # type: ignore[arg-type]  # without an error there is a value
            except Exception as failed:
                mapped.fail(failed)

        self.then(forward)
        return mapped

    def cancel(self) -> None:
        """Nobody waits any more: work that has not begun may be left out."""
        if not self.done and self._cancel is not None:
            self._cancel()

    def __await__(self) -> Generator[Any, None, T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def forward(value: T | None, error: Exception | None) -> None:
            if not future.done():
                future.set_exception(error) if error is not None else future.set_result(value)  # type: ignore[arg-type]

        self.then(forward)
        return future.__await__()


Handler = Callable[[Request], Response | Pending[Response]]
