"""Responses as the bytes of HTTP/1.1, and an answer's place in the order of its connection."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus

from modelworks.serve.message import Feed, Pending, Response

REASONS = {status.value: status.phrase for status in HTTPStatus}
BODILESS = (204, 304)


class Slot:
    """The place of one answer in its connection's order."""

    __slots__ = ("bytes", "chunked", "feed", "last", "pending")

    def __init__(self, chunked: bool = True) -> None:
        self.bytes: bytes | None = None
        self.last = False
        self.chunked = chunked
        self.pending: Pending[Response] | None = None
        self.feed: Feed | None = None
        """Where the rest of the answer comes from, once `bytes`, its head, is sent."""

    def gone(self) -> None:
        """Nobody waits for the answer any more."""
        if self.pending is not None:
            self.pending.cancel()
        if self.feed is not None:
            self.feed.cancel()

    def framed(self, data: bytes) -> bytes:
        """A piece of the answer as it is sent."""
        return b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data


class Wire:
    """Writes responses; all connections share one, since heads are alike and the date changes once a second."""

    def __init__(self) -> None:
        self._heads: dict[tuple[int, str], bytes] = {}
        self._second, self._date = 0, b""

    def whole(self, response: Response, last: bool, bodiless: bool) -> bytes:
        """A response whose body is there."""
        extra = "".join([f"{name}: {value}\r\n" for name, value in response.headers.items()])
        return b"%b%d%b%b%b%b" % (
            self._head(response.status, response.media_type),
            len(response.body),
            self._dated(),
            extra.encode("latin-1"),
            b"connection: close\r\n\r\n" if last else b"\r\n",
            b"" if bodiless or response.status in BODILESS else response.body,
        )

    def begun(self, response: Response, slot: Slot) -> bytes:
        """The head of a response of unknown length."""
        lines = [
            f"HTTP/1.1 {response.status} {REASONS.get(response.status, '')}", f"content-type: {response.media_type}",
            *(f"{name}: {value}" for name, value in response.headers.items()),
            *(["transfer-encoding: chunked"] if slot.chunked else []), *(["connection: close"] if slot.last else []),
        ]  # fmt: skip
        return "\r\n".join(lines).encode("latin-1") + self._dated() + b"\r\n"

    def _head(self, status: int, media_type: str) -> bytes:
        """The start of a response's head, up to the value of Content-Length."""
        known = self._heads.get((status, media_type))
        if known is None:
            kind = f"content-type: {media_type}\r\n" if media_type else ""
            known = f"HTTP/1.1 {status} {REASONS.get(status, '')}\r\n{kind}content-length: ".encode("latin-1")
            self._heads[status, media_type] = known
        return known

    def _dated(self) -> bytes:
        """The Date header's line, made once a second."""
        second = int(time.time())
        if second != self._second:
            self._second, self._date = second, f"\r\ndate: {formatdate(second, usegmt=True)}\r\n".encode()
        return self._date
