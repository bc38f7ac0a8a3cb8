"""The server's log as JSON lines of the Elastic Common Schema, on stderr: its own events, and a line a request.

A thread writes them from a bounded queue: a request never waits for whoever reads the log; what finds the queue full is
dropped and counted in the next line that is written.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import queue
from collections.abc import Callable, Iterator

from modelworks import __version__
from modelworks.core import registry
from modelworks.serve.message import Request, Response

ROOT = "modelworks"
_LEFT_OUT = ("log.origin", "log.original", "process.name", "process.thread")
WAITING = 16_384
"""Lines that may wait for the disk."""


class _Handler(logging.handlers.QueueHandler):
    """Drops what does not fit."""

    dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record  # it stays in this process: nothing need be rendered before the thread does

    def enqueue(self, record: logging.LogRecord) -> None:
        if self.dropped:
            record.__dict__["modelworks"] = {"log": {"dropped": self.dropped}}
        try:
            self.queue.put_nowait(record)
            self.dropped = 0
        except queue.Full:
            self.dropped += 1


@contextlib.contextmanager
def written(form: str, service: str) -> Iterator[Callable[[Request, Response, float], None] | None]:
    """Write the log in a form for the block: `text` leaves logging as it is; `ecs` gives what is to be told of every
    request."""
    if form == "text":
        yield None
        return
    root = logging.getLogger(ROOT)
    out = logging.StreamHandler()
    about = {
        "event.dataset": "modelworks.server",
        "service": {"name": service, "type": "modelworks", "version": __version__},
    }
    out.setFormatter(registry.load("ecs_logging:StdlibFormatter")(extra=about, exclude_fields=_LEFT_OUT))
    lines: queue.Queue[logging.LogRecord] = queue.Queue(WAITING)
    handler, listener = _Handler(lines), logging.handlers.QueueListener(lines, out)
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    listener.start()
    try:
        yield _access
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        listener.stop()


_ACCESS = logging.getLogger(f"{ROOT}.access")


def _access(request: Request, response: Response, seconds: float) -> None:
    status = response.status
    _ACCESS.log(
        logging.ERROR if status >= 500 else logging.INFO, "%s %s %d", request.method, request.path, status,
        extra={
            "event": {
                "kind": "event", "category": ["web"], "type": ["access"],
                "duration": int(seconds * 1e9), "outcome": "success" if status < 400 else "failure",
            },
            "http": {
                "request": {"id": request.id, "method": request.method, "body": {"bytes": len(request.body)}},
                "response": {"status_code": status},
            },
            "url": {"path": request.path},
        },
    )  # fmt: skip
