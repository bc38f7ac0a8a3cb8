"""The model that answers, and how it is exchanged without losing a request.

A new bundle is opened and measured in a thread; only when it has passed its self-test does `current` change, between
two requests. Requests in flight finish on the old one. A bundle that does not open leaves the old one serving, and
`/readyz` and the metrics say so.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelworks.core import config, lock, paths
from modelworks.core.errors import BundleError, ConfigError
from modelworks.core.lock import Pin
from modelworks.kinds import Kind
from modelworks.serve.engine import Answer, Engine
from modelworks.serve.measure import plan_for
from modelworks.serve.message import Pending
from modelworks.serve.monitor import Monitor
from modelworks.serve.stats import Stats
from modelworks.serve.streams import Streams, in_pieces

if TYPE_CHECKING:
    from modelworks.bundle import Predictor

log = logging.getLogger("modelworks.serve")


@dataclass(frozen=True, slots=True)
class Served:
    """One opened bundle with its engine."""

    predictor: Predictor
    engine: Engine
    streams: Streams
    monitor: Monitor
    pin: Pin | None = None
    """The release, when it came from a channel."""

    @property
    def version(self) -> str:
        """Number of the release when it came from a channel, else the start of the bundle's id."""
        return str(self.pin.version) if self.pin else str(self.manifest.id[:12])

    @property
    def manifest(self) -> Any:
        return self.predictor.manifest

    def submit(self, inputs: list[Kind]) -> Pending[Answer]:
        """Admit a request, to what runs this model: lanes, or a thread an answer when it comes in pieces."""
        pieces = in_pieces(self.manifest.program)
        return self.streams.submit(inputs) if pieces else self.engine.submit(inputs)

    @property
    def outstanding(self) -> int:
        """Inputs admitted and not yet answered."""
        return self.engine.outstanding + self.streams.outstanding

    @property
    def most(self) -> int:
        """Inputs that may be outstanding."""
        return self.streams.most if in_pieces(self.manifest.program) else self.engine.plan.queue


@dataclass(frozen=True, slots=True)
class Source:
    """Where the bundle comes from: a path, or a channel of a project."""

    path: Path | None = None
    project: Path | None = None
    channel: str = ""
    attach: Mapping[str, Path] = field(default_factory=dict)
    """Resource -> folder of the collection that the bundle searches."""

    def find(self) -> tuple[Path, Pin | None]:
        """(path, the release or None): what should be served now."""
        if self.path is not None:
            return self.path, None
        project = self.project or Path()
        pin = lock.read(project).pin(self.channel)
        if pin is None:
            raise ConfigError(
                f"the project has no {self.channel!r} yet", where=str(project / lock.FILE), hint="modelworks run"
            )
        return paths.bundle(project, pin.bundle), pin


class Models:
    """Holds `current`. Make it on the event loop's thread."""

    def __init__(self, source: Source, settings: config.Serve, stats: Stats) -> None:
        self.source, self.settings, self.stats = source, settings, stats
        self.problem = ""
        """Why the newest bundle of the channel is not the one that answers; empty when it is."""
        self._retired: list[Served] = []
        self._seen = self._stamp()
        self._opening: threading.Thread | None = None
        self.current = self._serve(*self._open())

    def _open(self) -> tuple[Predictor, Any, Monitor, Pin | None]:
        from modelworks.bundle import Predictor, open_manifest, profile

        path, pin = self.source.find()
        # Lanes are the threads of a model that answers at once; one that writes needs its own.
        threads = None if in_pieces(open_manifest(path).program) else 1
        predictor = Predictor.open(path, threads=threads, attach=self.source.attach)
        if pin is not None and predictor.manifest.id != pin.bundle:
            raise BundleError("not the bundle that the channel names", where=str(path), seen=predictor.manifest.id)
        return predictor, plan_for(predictor, self.settings), Monitor(profile.read(predictor.folder)), pin

    def _serve(self, predictor: Predictor, plan: Any, monitor: Monitor, pin: Pin | None) -> Served:
        streams = Streams(predictor, self.settings.streams, self.settings.deadline, self.stats.stream)
        return Served(predictor, Engine(predictor, plan, self.stats.batch), streams, monitor, pin)

    def tick(self) -> None:
        """Enforce deadlines, look at answers; call a few times a second."""
        self._retired = [served for served in self._retired if served.outstanding]
        for served in (self.current, *self._retired):
            served.engine.tick()
            served.monitor.tick()

    def outstanding(self) -> int:
        """Inputs admitted and not yet answered."""
        return sum(served.outstanding for served in (self.current, *self._retired))

    def _stamp(self) -> float:
        if self.source.project is None or self.source.path is not None:
            return 0.0
        try:
            return (self.source.project / lock.FILE).stat().st_mtime_ns
        except OSError:
            return 0.0

    def watch(self, call_soon: Callable[..., Any], *, force: bool = False) -> None:
        """Look whether the channel points elsewhere; if so open it aside, then swap by `call_soon`."""
        stamp = self._stamp()
        if (stamp == self._seen and not force) or (self._opening is not None and self._opening.is_alive()):
            return
        self._seen = stamp
        self._opening = threading.Thread(target=self._exchange, args=(call_soon,), name="open", daemon=True)
        self._opening.start()

    def _exchange(self, call_soon: Callable[..., Any]) -> None:
        try:
            pin = self.source.find()[1]
            if pin is not None and pin.bundle == self.current.manifest.id:
                call_soon(self._keep, "")
                return
            opened = self._open()
        except Exception as error:
            log.error("the new bundle does not open; the old one goes on: %s", error)
            call_soon(self._keep, f"{error}")
            return
        call_soon(self._swap, *opened)

    def _keep(self, problem: str) -> None:
        self.problem = problem
        if problem:
            self.stats.swaps["failed"] += 1

    def _swap(self, predictor: Predictor, plan: Any, monitor: Monitor, pin: Pin | None) -> None:
        old, self.current = self.current, self._serve(predictor, plan, monitor, pin)
        self.problem = ""
        self.stats.swaps["done"] += 1
        old.engine.close()
        self._retired.append(old)
        log.info("now serving %s (version %s)", predictor.manifest.id[:12], self.current.version)
