"""The process: open the model, listen, tick, watch the channel, drain on SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelworks.core import config
from modelworks.core.errors import ConfigError
from modelworks.serve.app import App
from modelworks.serve.incoming import Limits
from modelworks.serve.message import Request, Response
from modelworks.serve.models import Models, Served, Source
from modelworks.serve.protocol import Host
from modelworks.serve.shipping import Shipping, recording
from modelworks.serve.stats import Stats
from modelworks.serve.surroundings import Platform

log = logging.getLogger("modelworks.serve")
Access = Callable[[Request, Response, float], None]
TICK = 0.2
GRACE = 0.5
"""Seconds in which requests that were on their way when SIGTERM came are still answered."""


class Server:
    """One server. `started(address, served)` is called when it answers."""

    def __init__(
        self, source: Source, settings: config.Serve, *, records: Path | None = None, limits: Limits | None = None,
        shipping: Shipping | None = None, access: Access | None = None,
        platform: Platform = Platform(),  # noqa: B008 (frozen)
    ) -> None:  # fmt: skip
        self.source, self.settings, self._records = source, settings, records
        self._shipping, self._access, self._platform = shipping, access, platform
        self.limits = limits or Limits(body=settings.max_body)
        self._stopping: asyncio.Event | None = None

    async def run(self, started: Callable[[str, Served], None] = lambda address, served: None) -> None:
        """Serve until SIGTERM, SIGINT or `stop`; SIGHUP looks at the channel at once."""
        loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        stats = Stats()
        self.models = Models(self.source, self.settings, stats)
        records = recording(self._records, self.settings, self._shipping)
        self.app = App(self.models, stats, records, self._platform)
        self.app.access = self._access
        self.host = Host(self.app, self.limits)
        if self._shipping is not None:
            self.app.more = self._shipping.exposition
        self.app.connections, self.app.faults = lambda: len(self.host.connections), self.host.faults
        listener = await self._listen(loop)
        self._signals(loop)
        gc.freeze()  # what is here now stays: the collector need not look at it
        ticking = asyncio.create_task(self._tick(loop))
        address = listener.sockets[0].getsockname()
        started(f"http://{address[0]}:{address[1]}", self.models.current)
        log.info("answering at %s:%d, bundle %s", *address[:2], self.models.current.manifest.id[:12])
        await self._stopping.wait()
        await self._drain(listener)
        ticking.cancel()
        if records is not None:
            records.close()
        if self._shipping is not None:
            self._shipping.stop()
        log.info("ended")

    async def _listen(self, loop: asyncio.AbstractEventLoop) -> Any:
        host, port = self.settings.host, self.settings.port
        try:
            return await loop.create_server(self.host.connection, host, port, backlog=4096)
        except OSError as error:
            raise ConfigError(
                f"cannot listen: {error.strerror}", where=f"{host}:{port}", hint="choose another --port or --host"
            ) from error

    def _signals(self, loop: asyncio.AbstractEventLoop) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._watch(loop, force=True))

    def stop(self) -> None:
        """Begin to drain."""
        if self._stopping is not None:
            self._stopping.set()

    def _watch(self, loop: asyncio.AbstractEventLoop, force: bool = False) -> None:
        if self.source.channel:
            self.models.watch(loop.call_soon_threadsafe, force=force)

    async def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        rounds = 0
        while True:
            await asyncio.sleep(TICK)
            self.models.tick()
            rounds += 1
            if rounds % 5 == 0:
                self.host.tick()
                self._watch(loop)

    async def _drain(self, listener: Any) -> None:
        """Stop accepting, answer what was accepted, close."""
        self.app.draining = True
        self.host.drain()
        listener.close()
        end = time.monotonic() + self.settings.deadline + GRACE
        await asyncio.sleep(GRACE)
        while not (self.host.idle() and not self.models.outstanding()) and time.monotonic() < end:
            await asyncio.sleep(0.02)
        self.host.close()
        while self.host.connections and time.monotonic() < min(end, time.monotonic() + 1):
            await asyncio.sleep(0.02)
        self.host.close(force=True)
        self.models.current.engine.close()


def raise_file_limit() -> int:
    """Allow as many open files (connections) as the system lets this process; how many that is."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def serve(server: Server, started: Callable[[str, Served], None]) -> None:
    """Run a server on uvloop until it is told to stop."""
    import uvloop

    raise_file_limit()
    signal.signal(signal.SIGTERM, _leave)  # until it listens: process 1 of a container would not hear it at all
    uvloop.run(server.run(started))


def _leave(number: int, _: object) -> None:
    raise SystemExit(128 + number)
