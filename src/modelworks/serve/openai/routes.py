"""The paths of the OpenAI protocol as functions of a request."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from modelworks import kinds
from modelworks.core.errors import RequestError
from modelworks.kinds import Kind
from modelworks.kinds.base import named
from modelworks.serve import events
from modelworks.serve.answer import json_response
from modelworks.serve.engine import Answer as Answered
from modelworks.serve.message import Pending, Request, Response
from modelworks.serve.models import Served
from modelworks.serve.openai import asked
from modelworks.serve.openai.answered import Answer, Texts, Turns, error_body

__all__ = ["Door", "error_body"]
Ask = Callable[[Request, Served, list[Kind], Callable[[Answered], Response]], Pending[Response]]
Stream = Callable[[Request, Served, Kind, events.Writer], Pending[Response]]


class Door:
    """The protocol over what the app does with a request: `ask` for a whole answer, `stream` for one in pieces."""

    def __init__(self, current: Callable[[], Served], ask: Ask, stream: Stream) -> None:
        self._current, self._ask, self._stream = current, ask, stream

    def models(self, request: Request) -> Response:
        """The list of the one model that is served."""
        return json_response({"object": "list", "data": [self._model()]})

    def model(self, request: Request) -> Response:
        """One model by its name."""
        self._known(request.path.rpartition("/")[2])
        return json_response(self._model())

    def _model(self) -> dict[str, Any]:
        served = self._current()
        return {"id": served.manifest.name, "object": "model", "created": 0, "owned_by": "modelworks"}

    def completions(self, request: Request) -> Pending[Response]:
        """Go on with texts."""
        return self._write(request, asked.read(request.body, asked.Completions), Texts(), ("text", "sampling"))

    def chat(self, request: Request) -> Pending[Response]:
        """Answer a conversation."""
        return self._write(request, asked.read(request.body, asked.Chat), Turns(), ("messages", "sampling"))

    def _write(
        self, request: Request, wanted: Any, shape: Texts | Turns, fields: tuple[str, ...]
    ) -> Pending[Response]:  # fmt: skip
        served = self._fitting(wanted.model, fields, ("text",))
        inputs = [kinds.decode(served.manifest.input, value) for value in wanted.inputs()]
        answer = Answer(shape, served.manifest.name, request.id, wanted.wants_usage)
        if not wanted.stream:
            return self._ask(request, served, inputs, lambda found: json_response(answer.whole(found.predictions)))
        if len(inputs) != 1:
            raise RequestError("a stream has one prompt", where="prompt", seen=len(inputs), allowed="1")
        return self._stream(request, served, inputs[0], answer)

    def embeddings(self, request: Request) -> Pending[Response]:
        """Vectors of texts."""
        wanted = asked.read(request.body, asked.Embeddings)
        served = self._fitting(wanted.model, (), ("embedding",))
        kind = named(served.manifest.input)
        try:
            inputs: list[Kind] = [kind.raw(text.encode("utf-8", "surrogatepass")) for text in wanted.texts()]
        except ValueError as error:
            raise RequestError(f"not a valid {kind.name}: {error}", where="input") from error
        return self._ask(request, served, inputs, lambda found: self._vectors(served, wanted, found))

    def _vectors(self, served: Served, wanted: asked.Embeddings, found: Answered) -> Response:
        vectors: list[list[float]] = [msgspec.to_builtins(one)["embedding"] for one in found.predictions]
        if wanted.dimensions and any(len(vector) != wanted.dimensions for vector in vectors):
            raise RequestError(
                "the model's vectors have another size", where="dimensions", seen=wanted.dimensions,
                allowed=str(len(vectors[0])),
            )  # fmt: skip
        shown = [_base64(vector) if wanted.encoding_format == "base64" else vector for vector in vectors]
        read = found.length or sum(len(text.split()) for text in wanted.texts())
        return json_response({
            "object": "list", "model": served.manifest.name,
            "data": [{"object": "embedding", "index": index, "embedding": one} for index, one in enumerate(shown)],
            "usage": {"prompt_tokens": read, "total_tokens": read},
        })  # fmt: skip

    def _known(self, name: str) -> Served:
        served = self._current()
        if name not in (served.manifest.name, served.manifest.id, served.version):
            raise RequestError(
                "there is no such model", status=404, where="model", seen=name, allowed=[served.manifest.name]
            )
        return served

    def _fitting(self, name: str, given: tuple[str, ...], found: tuple[str, ...]) -> Served:
        """The model of a name, when its kinds have the fields that this path reads and answers."""
        served = self._known(name)
        manifest = served.manifest
        if not (_has(manifest.input, given) and _has(manifest.prediction, found)):
            raise RequestError(
                "the model answers other questions", status=404, where="model",
                seen=f"{manifest.input} in, {manifest.prediction} out",
                allowed=f"a model with {', '.join(given) or 'a text'} in, {', '.join(found)} out",
                hint="POST /predict takes its inputs; /docs describes them",
            )  # fmt: skip
        return served


def _has(kind: str, wanted: tuple[str, ...]) -> bool:
    return set(wanted) <= {field.encode_name for field in msgspec.structs.fields(named(kind))}


def _base64(vector: list[float]) -> str:
    return base64.b64encode(np.asarray(vector, "<f4").tobytes()).decode("ascii")
