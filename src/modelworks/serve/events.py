"""Server-sent events: answers in pieces as `text/event-stream`, on any route.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from modelworks import kinds
from modelworks.core.errors import ModelworksError
from modelworks.kinds import Kind
from modelworks.serve.message import EVENTS, Feed, Pending, Response
from modelworks.serve.streams import Running, Streams

log = logging.getLogger("modelworks.serve")


class Writer(Protocol):
    """How a protocol writes an answer in pieces."""

    def piece(self, piece: Any) -> bytes:
        """A piece of the answer as it came from the program."""

    def last(self, prediction: Kind) -> bytes:
        """The end: the whole prediction is there."""

    def fault(self, error: ModelworksError) -> bytes:
        """The end: something went wrong on the way."""


def event(value: Any, name: str = "") -> bytes:
    """One event whose data is JSON."""
    kind = f"event: {name}\n".encode() if name else b""
    return kind + b"data: " + msgspec.json.encode(value) + b"\n\n"


class Plain:
    """The events of `/predict`: each piece as it is, then `event: prediction` with the JSON that a plain answer is."""

    def piece(self, piece: Any) -> bytes:
        return event(piece)

    def last(self, prediction: Kind) -> bytes:
        return b"event: prediction\ndata: " + kinds.encode(prediction) + b"\n\n"

    def fault(self, error: ModelworksError) -> bytes:
        return event(error.to_dict(), "error")


def respond(
    streams: Streams, value: Kind, writer: Writer, ended: Callable[[Kind], None] = lambda prediction: None
) -> Pending[Response]:
    """Begin an answer. The response is there with its first event, so that a refusal still has its own status;
    `ended` is called with the prediction."""
    running: list[Running] = []
    feed = Feed(lambda: running[0].cancel(), lambda: running[0].pause(), lambda: running[0].resume())
    response = Response(media_type=EVENTS, headers={"cache-control": "no-cache", "x-accel-buffering": "no"}, feed=feed)
    pending: Pending[Response] = Pending(lambda: running[0].cancel())

    def take(piece: Any) -> None:
        feed.write(writer.piece(piece))
        pending.resolve(response)

    def done(prediction: Kind | None, error: Exception | None) -> None:
        if prediction is not None and error is None:
            feed.write(writer.last(prediction))
            ended(prediction)
        elif not pending.done:
            pending.fail(error or ModelworksError("the program gave no prediction"))
            return
        else:
            feed.write(writer.fault(_told(error)))
        feed.end()
        pending.resolve(response)

    running.append(streams.open(value, take, done))
    return pending


def _told(error: Exception | None) -> ModelworksError:
    if isinstance(error, ModelworksError):
        return error
    log.error("a stream failed", exc_info=error)
    return ModelworksError("the server failed to answer this request", hint="its log says why")
