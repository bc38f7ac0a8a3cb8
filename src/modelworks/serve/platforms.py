"""What cloud platforms ask of a container, beside our own doors.

SageMaker: `GET /ping`, `POST /invocations` (the bodies of `/predict`, and JSON lines: an input a line, a prediction a
line), `GET /execution-parameters` for batch transform; the model's files lie in `/opt/ml/model`.
Vertex AI: port and paths come in environment variables, bodies are `{"instances": […], "parameters": {…}}` and
`{"predictions": […]}`; an instance is an input as JSON, or the bare value of its first field.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from modelworks import kinds
from modelworks.core.errors import RequestError
from modelworks.kinds import Kind
from modelworks.kinds.base import named
from modelworks.serve.answer import json_response
from modelworks.serve.engine import Answer
from modelworks.serve.message import Pending, Request, Response
from modelworks.serve.models import Models, Served
from modelworks.serve.surroundings import Platform
from modelworks.serve.typed import malformed, respond

Result = Response | Pending[Response]
Ask = Callable[[Request, Served, list[Kind], Callable[[Answer], Response]], Pending[Response]]
LINES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl", "application/x-ndjson")


class Instances(msgspec.Struct):
    """A request of Vertex AI."""

    instances: list[Any]
    parameters: dict[str, Any] | None = None


class Door:
    """The paths of the platforms over what the app does with a request: `ask` answers inputs, `predict` is the app's
    own door, `ready` its health."""

    def __init__(
        self, models: Models, ask: Ask, predict: Callable[[Request], Result], ready: Callable[[Request], Response]
    ) -> None:
        self._models, self._ask, self._predict, self._ready = models, ask, predict, ready

    def routes(self, given: Platform) -> dict[str, dict[str, Callable[[Request], Result]]]:
        """Path -> method -> handler. A path that the platform names stands before one of ours."""
        found: dict[str, dict[str, Callable[[Request], Result]]] = {
            "/ping": {"GET": self._ready},
            "/invocations": {"POST": self.invocations},
            "/execution-parameters": {"GET": self.limits},
        }
        if given.health:
            found[given.health] = {"GET": self._ready}
        if given.predict:
            found[given.predict] = {**found.get(given.predict, {}), "POST": self.instances}
        return found

    def limits(self, request: Request) -> Response:
        """How batch transform may ask."""
        settings, plan = self._models.settings, self._models.current.engine.plan
        return json_response({
            "MaxConcurrentTransforms": max(1, plan.lanes), "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": max(1, settings.max_body >> 20),
        })  # fmt: skip

    def invocations(self, request: Request) -> Result:
        """SageMaker's request: lines, or what `/predict` takes."""
        media, served = request.media_type(), self._models.current
        if media == "application/x-image":  # SageMaker's name for any picture
            request.headers = {**request.headers, b"content-type": b"image/x-any"}
        if media not in LINES:
            return self._predict(request)
        lines = [(number, line) for number, line in enumerate(request.body.splitlines(), 1) if line.strip()]
        inputs = [_decode(line, named(served.manifest.input), f"line {number}") for number, line in lines]
        if not inputs:
            raise RequestError("the body holds no line", status=422, where="body")
        return self._ask(
            request, served, inputs,
            lambda found: Response(b"".join(kinds.encode(one) + b"\n" for one in found.predictions), media_type=media),
        )  # fmt: skip

    def instances(self, request: Request) -> Result:
        """Vertex AI's request."""
        served = self._models.current
        asked = _decode(request.body, Instances, "body")
        inputs = _inputs(asked, named(served.manifest.input))
        return self._ask(request, served, inputs, lambda found: respond(found.predictions, batch=True))


def _inputs(asked: Instances, kind: type[Kind]) -> list[Kind]:
    """Instances as inputs; parameters are fields that every instance gets."""
    first = msgspec.structs.fields(kind)[0].encode_name
    found = []
    for number, one in enumerate(asked.instances):
        value = one if isinstance(one, dict) else {first: one}
        try:
            found.append(msgspec.convert({**(asked.parameters or {}), **value}, kind))
        except msgspec.ValidationError as error:
            raise _wrong(error, f"$.instances[{number}]", kind) from error
    return found


def _decode(body: bytes, type_: Any, where: str) -> Any:
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        raise _wrong(error, where, type_) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        fault = malformed(error)
        fault.where = where
        raise fault from error


def _wrong(error: Exception, where: str, type_: Any) -> RequestError:
    message, _, place = str(error).partition(" - at ")
    return RequestError(
        f"not a valid request: {message}", status=422, where=f"{where} {place.strip('`')}".strip(),
        allowed=[field.encode_name for field in msgspec.structs.fields(type_)],
    )  # fmt: skip
