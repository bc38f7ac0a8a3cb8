"""The request that a client is sending, read by httptools within limits."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal, NoReturn, Protocol
from urllib.parse import unquote, urlsplit

import httptools

from modelworks.core.errors import RequestError
from modelworks.serve.message import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may take: bytes, seconds, counts."""

    head: int = 32 * 1024
    body: int = 16 * 1024 * 1024
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    idle_seconds: float = 75.0
    write_seconds: float = 30.0
    linger_seconds: float = 2.0
    connections: int = 16_384
    pipeline: int = 64
    """Answers a connection may owe before it is not read from, or leave unread before it is cut off."""


class Receiver(Protocol):
    """Who is told of the request."""

    deadline: float
    """When the client will have taken too long, by the monotonic clock."""

    def expected(self) -> None:
        """The client waits for leave to send the body."""

    def whole(self) -> None:
        """The request has arrived."""


class Incoming:
    """One request at a time. What a client sends is bounded, and each phase has a deadline."""

    def __init__(self, limits: Limits, receiver: Receiver) -> None:
        self._limits, self._receiver = limits, receiver
        self._parser = httptools.HttpRequestParser(self)
        self._fault: RequestError | None = None
        self.phase: Literal["", "head", "body"] = ""
        """What is being read; nothing between requests."""
        self._begin()

    def feed(self, data: bytes) -> bool:
        """Read on. False: the client goes on in a protocol that is not spoken here; what it asked so far is answered
        as HTTP/1.1.

        Raises:
            RequestError: the request is none, or too large (400, 413, 431). No more can be read.
        """
        self._unparsed += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return False
        except httptools.HttpParserCallbackError:
            raise self._fault or RequestError("not a valid request") from None
        except httptools.HttpParserError as error:
            raise RequestError(f"not HTTP/1.1: {error}", allowed="HTTP/1.1") from error
        if self.phase != "body" and self._unparsed > self._limits.head:
            raise self._too_long()
        return True

    def last(self) -> bool:
        """Whether the client asks for nothing after the request that has arrived."""
        return not self._parser.should_keep_alive()

    def takes_chunks(self) -> bool:
        """Whether its answer may come in pieces."""
        return bool(self._parser.get_http_version() != "1.0")

    def request(self) -> Request:
        """The request that has arrived."""
        method = self._parser.get_method().decode("latin-1")
        path, _, query = self._url.decode("latin-1").partition("?")
        if not path.startswith("/"):  # absolute form, as sent to proxies
            path = urlsplit(path).path or "/"
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        return Request(method, unquote(path) if "%" in path else path, query, self._headers, body)

    # Called by the parser

    def on_message_begin(self) -> None:
        self._begin()
        self.phase = "head"
        self._receiver.deadline = time.monotonic() + self._limits.head_seconds

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._grow(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        headers = self._headers
        headers[name] = headers[name] + b", " + value if name in headers else value
        self._grow(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        self.phase = "body"
        self._unparsed = 0
        length = self._headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._limits.body:
            self._stop(self._too_large(length))
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._receiver.expected()
        self._receiver.deadline = time.monotonic() + self._limits.body_seconds

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_bytes > self._limits.body:
            self._stop(self._too_large(b"%d so far" % self._body_bytes))
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.phase = ""
        self._unparsed = 0
        self._receiver.whole()

    # Within limits

    def _begin(self) -> None:
        self._url, self._headers, self._body = b"", {}, []  # type: bytes, dict[bytes, bytes], list[bytes]
        self._head_bytes = self._body_bytes = self._unparsed = 0

    def _grow(self, count: int) -> None:
        self._unparsed = 0
        self._head_bytes += count
        if self._head_bytes > self._limits.head:
            self._stop(self._too_long())

    def _stop(self, fault: RequestError) -> NoReturn:
        """httptools hides what a callback raises: `feed` tells it."""
        self._fault = fault
        raise fault

    def _too_long(self) -> RequestError:
        return RequestError(
            "the request's head is too long", status=431, allowed=f"{self._limits.head} bytes of URL and headers"
        )

    def _too_large(self, seen: bytes) -> RequestError:
        return RequestError(
            "the body is too large", status=413, where="Content-Length", seen=seen.decode("latin-1"),
            allowed=f"{self._limits.body} bytes", hint="send several requests, or start with a larger max_body",
        )  # fmt: skip
