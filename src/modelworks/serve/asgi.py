"""The same handlers behind any ASGI server (uvicorn, granian, hypercorn):

app = modelworks.serve.asgi.Face("champion-bundle-folder")
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from modelworks.core import config
from modelworks.core.errors import RequestError
from modelworks.serve.answer import error_response
from modelworks.serve.app import App
from modelworks.serve.message import Feed, Pending, Request, Response
from modelworks.serve.models import Models, Source
from modelworks.serve.shipping import recording
from modelworks.serve.stats import Stats

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Face:
    """An ASGI application that serves one bundle, and writes what it answers to a folder, if one is given. Timeouts
    and connection limits are the hosting server's."""

    def __init__(
        self, bundle: Path | str, settings: config.Serve | None = None, records: Path | str | None = None
    ) -> None:
        self._bundle, self._settings = Path(bundle), settings or config.Serve()
        self._records = Path(records) if records else None
        self._app: App | None = None
        self._ticking: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            response = await self._respond(scope, receive)
            if response.feed is not None:
                await self._stream(response, response.feed, receive, send)
            else:
                await self._answer(response, scope["method"] == "HEAD", send)

    def start(self) -> App:
        """Open the bundle, on the event loop that answers; else the first request, or the hosting server, does."""
        if self._app is None:
            stats = Stats()
            models = Models(Source(self._bundle), self._settings, stats)
            self._app = App(models, stats, recording(self._records, self._settings))
            self._ticking = asyncio.create_task(self._tick(self._app.models))
        return self._app

    async def _tick(self, models: Models) -> None:
        while True:
            await asyncio.sleep(0.2)
            models.tick()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] == "lifespan.startup":
            self.start()
            await send({"type": "lifespan.startup.complete"})
        if self._ticking is not None:
            self._ticking.cancel()
        if self._app is not None and self._app.records is not None:
            self._app.records.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        body, more = bytearray(), True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._settings.max_body:
                fault = RequestError("the body is too large", status=413, allowed=f"{self._settings.max_body} bytes")
                return error_response(fault)
        query = scope.get("query_string", b"").decode("latin-1")
        path = (
            scope["path"].removeprefix(scope.get("root_path", "").rstrip("/")) or "/"
        )  # of an application mounted there
        request = Request(scope["method"], path, query, dict(scope["headers"]), bytes(body))
        result = self.start()(request)
        return await result if isinstance(result, Pending) else result

    async def _stream(self, response: Response, feed: Feed, receive: Receive, send: Send) -> None:
        """Send an answer in pieces; a client that goes stops the work."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        feed.attach(queue.put_nowait, lambda: queue.put_nowait(None))
        gone = asyncio.create_task(_gone(receive))
        headers = {"content-type": response.media_type, **response.headers}
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        whole = False
        try:
            await send({"type": "http.response.start", "status": response.status, "headers": encoded})
            while not whole:
                piece = asyncio.create_task(queue.get())
                await asyncio.wait({piece, gone}, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    piece.cancel()
                    return
                whole = piece.result() is None
                await send({"type": "http.response.body", "body": piece.result() or b"", "more_body": not whole})
        finally:
            gone.cancel()
            if not whole:
                feed.cancel()

    async def _answer(self, response: Response, bodiless: bool, send: Send) -> None:
        headers = {"content-type": response.media_type, "content-length": str(len(response.body)), **response.headers}
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": response.status, "headers": encoded})
        await send({"type": "http.response.body", "body": b"" if bodiless else response.body})


async def _gone(receive: Receive) -> None:
    """Returns when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
