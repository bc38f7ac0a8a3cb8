"""Routes: a path and a method to a plain function of a request. No sockets here: `App` is called by `protocol` and
by `asgi`, and by tests."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Callable
from importlib import resources
from typing import Any

from modelworks.core.errors import ModelworksError, RequestError
from modelworks.kinds import Kind
from modelworks.serve import events, openai, openapi, platforms, released, typed, v2
from modelworks.serve.answer import error_response, json_response
from modelworks.serve.engine import Answer, Timing
from modelworks.serve.message import EVENTS, Pending, Request, Response
from modelworks.serve.models import Models, Served
from modelworks.serve.records import Record, Records
from modelworks.serve.stats import Stats, exposition
from modelworks.serve.surroundings import Platform

Result = Response | Pending[Response]
Route = Callable[[Request], Result]
_MODEL = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?(/ready|/infer)?")
_ID = re.compile(rb"[\x21-\x7e]{1,128}")


class App:
    """All that the server answers.

    Args:
        models: the model that answers.
        stats: where requests are counted.
        records: where answers are written, or None.
        platform: what a cloud platform that runs this asks for.
    """

    def __init__(
        self, models: Models, stats: Stats, records: Records | None = None,
        platform: Platform = Platform(),  # noqa: B008 (frozen)
    ) -> None:  # fmt: skip
        self.models, self.stats, self.records = models, stats, records
        self.draining = False
        self.faults: dict[int, int] = {}
        """Requests that the protocol refused before they were whole, by status; shared with it."""
        self.connections: Callable[[], int] = int
        self.more: Callable[[], bytes] = bytes
        """More metrics in Prometheus' text format."""
        self.access: Callable[[Request, Response, float], None] | None = None
        """Told of every answer, and the seconds it took."""
        self._numbers = itertools.count(1)
        self._prefix = os.urandom(4).hex()
        live, ready = self._live, self._ready
        self.routes: dict[str, dict[str, Route]] = {
            "/": {"GET": self._root},
            "/predict": {"POST": self._predict},
            "/v2": {"GET": lambda request: json_response(v2.server())},
            "/v2/health/live": {"GET": live},
            "/v2/health/ready": {"GET": ready},
            "/livez": {"GET": live},
            "/healthz": {"GET": live},
            "/readyz": {"GET": ready},
            "/metrics": {"GET": self._metrics},
            "/openapi.json": {"GET": self._openapi},
            "/docs": {"GET": self._docs},
        }
        door = openai.Door(lambda: models.current, self._ask, self._stream)
        self._openai_model = door.model
        self.routes |= {
            "/v1/models": {"GET": door.models},
            "/v1/completions": {"POST": door.completions},
            "/v1/chat/completions": {"POST": door.chat},
            "/v1/embeddings": {"POST": door.embeddings},
        }
        self.routes |= platforms.Door(models, self._ask, self._predict, ready).routes(platform)

    def __call__(self, request: Request) -> Result:
        """Answer a request; errors become responses."""
        request.received = time.monotonic()
        given = request.headers.get(b"x-request-id", b"")
        if given and _ID.fullmatch(given):
            request.id = given.decode("ascii")
        else:
            request.id = f"{self._prefix}-{next(self._numbers):x}"
        label, route = "other", None
        try:
            label, route = self._find(request)
            result = route(request)
        except Exception as error:
            return self._finish(request, label, self._error(request, error))
        if isinstance(result, Response):
            return self._finish(request, label, result)
        answered: Pending[Response] = Pending(result.cancel)
        result.then(
            lambda response, error: answered.resolve(
                self._finish(request, label, self._error(request, error) if error else response)  # type: ignore[arg-type]
            )
        )
        return answered

    def _find(self, request: Request) -> tuple[str, Route]:
        label, methods = request.path, self.routes.get(request.path)
        if methods is None:
            label, methods = self._find_model(request.path)
        method = "GET" if request.method == "HEAD" else request.method
        if method not in methods:
            raise RequestError(
                "the method is not allowed here", status=405, where=request.path, seen=request.method,
                allowed=sorted({*methods, *(["HEAD"] if "GET" in methods else [])}),
            )  # fmt: skip
        return label, methods[method]

    def _find_model(self, path: str) -> tuple[str, dict[str, Route]]:
        if path.startswith("/v1/models/"):
            return "/v1/models/…", {"GET": self._openai_model}
        match = _MODEL.fullmatch(path)
        if match is None:
            raise RequestError(
                "there is nothing here", status=404, where=path, seen=path, allowed=[*self.routes, "/v2/models/…"]
            )
        name, version, verb = match.groups()
        served = self.models.current
        if name != served.manifest.name or version not in (None, served.version, served.manifest.id):
            raise RequestError(
                "there is no such model or version", status=404, where=path, seen=f"{name} {version or ''}".strip(),
                allowed=[f"{served.manifest.name} {served.version}"],
            )  # fmt: skip
        if verb == "/infer":
            return "/v2/models/…/infer", {"POST": self._infer}
        if verb == "/ready":
            return "/v2/models/…/ready", {"GET": self._ready}
        return "/v2/models/…", {"GET": lambda request: json_response(v2.model(served.manifest, served.version))}

    def _error(self, request: Request, error: Exception) -> Response:
        response = error_response(error)
        if isinstance(error, RequestError) and error.status == 405:
            response.headers["allow"] = ", ".join(error.allowed)
        for prefix, shaped in (("/v1", openai.error_body), ("/v2", v2.error_body)):
            if request.path.startswith(prefix):
                failed = RequestError("the server failed", status=500)
                response.body = json_response(shaped(error if isinstance(error, ModelworksError) else failed)).body
        return response

    def _finish(self, request: Request, label: str, response: Response) -> Response:
        response.headers["x-request-id"] = request.id
        seconds = time.monotonic() - request.received
        self.stats.request(label, response.status, seconds)
        if self.access is not None:
            self.access(request, response, seconds)
        return response

    # Predictions

    def _predict(self, request: Request) -> Result:
        served = self.models.current
        inputs, batch = typed.read(request, served.manifest.input)
        if request.accepts(EVENTS):
            if batch:
                raise RequestError("a stream has one input", status=422, where="$.inputs", allowed="one input")
            return self._stream(request, served, inputs[0], events.Plain())
        return self._ask(request, served, inputs, lambda found: typed.respond(found.predictions, batch))

    def _infer(self, request: Request) -> Result:
        served = self.models.current
        inference, inputs = v2.read(request.body, served.manifest.input)
        return self._ask(
            request, served, inputs,
            lambda found: v2.respond(inference, found.predictions, served.manifest, served.version),
        )  # fmt: skip

    def _ask(
        self, request: Request, served: Served, inputs: list[Kind], respond: Callable[[Answer], Response]
    ) -> Pending[Response]:
        def answer(found: Answer) -> Response:
            response = respond(found)
            served.monitor.see(inputs, found.predictions)
            if request.asks("timing"):
                response.headers["server-timing"] = server_timing(found.timing)
            if self.records is not None:
                self._record(request, served, inputs, found.predictions)
            return response

        return served.submit(inputs).map(answer)

    def _stream(self, request: Request, served: Served, value: Kind, writer: events.Writer) -> Pending[Response]:
        def ended(prediction: Kind) -> None:
            served.monitor.see([value], [prediction])
            if self.records is not None:
                self._record(request, served, [value], [prediction])

        return events.respond(served.streams, value, writer, ended)

    def _record(self, request: Request, served: Served, inputs: list[Kind], predictions: list[Kind]) -> None:
        seconds, when = time.monotonic() - request.received, time.time()
        for number, (given, found) in enumerate(zip(inputs, predictions, strict=True)):
            self.records.add(  # type: ignore[union-attr]  # asked by the caller
                Record(
                    when, request.id, number, served.predictor.id, served.manifest.name, served.version, given, found,
                    seconds,
                )
            )  # fmt: skip

    # The server itself

    def _live(self, request: Request) -> Response:
        return json_response({"live": True})

    def _ready(self, request: Request) -> Response:
        served = self.models.current
        facts: dict[str, Any] = {
            "ready": not self.draining,
            "model": served.manifest.name,
            "version": served.version,
            "bundle": served.manifest.id,
        }
        if self.models.problem:
            facts["problem"] = self.models.problem
        return json_response(facts, 503 if self.draining else 200)

    def _metrics(self, request: Request) -> Response:
        served = self.models.current
        manifest = served.manifest
        info = {
            "name": manifest.name, "task": manifest.task, "bundle": manifest.id, "version": served.version,
            "variant": manifest.variant,
        }  # fmt: skip
        gauges = {
            "inputs_in_flight": float(self.models.outstanding()),
            "inputs_most": float(served.most),
            "streams": float(served.streams.outstanding),
            "connections": float(self.connections()),
            "records_dropped": float(self.records.dropped if self.records else 0),
            "newest_bundle_serves": float(not self.models.problem),
        }
        faults = {str(status): count for status, count in self.faults.items()}
        levels = (*released.levels(served.pin), *served.monitor.levels())
        text = exposition(self.stats, gauges, info, faults, levels) + self.more()
        return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    def _root(self, request: Request) -> Response:
        return Response(status=302, headers={"location": "/docs"})

    def _openapi(self, request: Request) -> Response:
        return json_response(openapi.document(self.models.current.manifest, self.models.current.version))

    def _docs(self, request: Request) -> Response:
        page = resources.files("modelworks.serve").joinpath("docs.html").read_bytes()
        return Response(page, media_type="text/html; charset=utf-8")


def server_timing(timing: Timing) -> str:
    """The Server-Timing header: milliseconds of each stage, and the rows of the batch."""
    stages = (("queue", timing.waited), ("prepare", timing.prepare), ("model", timing.model))
    return ", ".join(f"{name};dur={seconds * 1e3:.3f}" for name, seconds in stages) + f", batch;desc={timing.rows}"
