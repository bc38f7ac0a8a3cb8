"""`POST /predict`: one input, a batch `{"inputs": […]}`, or one input's bare bytes (a picture, a plain text) with
their media type; answers are the prediction's JSON.

The answer to one input is exactly `kinds.encode(prediction)`: the bytes that every other door gives.
"""

from __future__ import annotations

from fnmatch import fnmatch

import msgspec

from modelworks import kinds
from modelworks.core.errors import RequestError
from modelworks.kinds import Kind
from modelworks.kinds.base import named
from modelworks.serve.message import JSON, Request, Response

_BATCHES: dict[str, msgspec.json.Decoder[list[Kind]]] = {}


def read(request: Request, kind: str) -> tuple[list[Kind], bool]:
    """(inputs, whether they are a batch). RequestError 400, 415 or 422 when the body is not of the kind."""
    media = request.media_type()
    if any(fnmatch(media, known) for known in named(kind).media):
        return [_raw(request.body, kind)], False
    if media not in ("", JSON, "application/x-www-form-urlencoded") and not media.endswith("+json"):
        raise RequestError(
            "this media type is not read here", status=415, where="Content-Type", seen=media,
            allowed=[JSON, *named(kind).media],
        )  # fmt: skip
    try:
        return [msgspec.json.decode(request.body, type=named(kind))], False
    except msgspec.ValidationError as error:
        return _batch(request.body, kind, error), True
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise malformed(error) from error


def _raw(body: bytes, kind: str) -> Kind:
    try:
        return named(kind).raw(body)
    except ValueError as error:
        raise RequestError(f"the body is not a valid {kind}: {error}", where="body") from error


def _batch(body: bytes, kind: str, single: Exception) -> list[Kind]:
    """The inputs of a batch; when the body is no batch either, the fault of reading it as one input is told."""
    cls = named(kind)
    batch = msgspec.defstruct("Batch", [("inputs", list[cls])], forbid_unknown_fields=True)  # type: ignore[valid-type]
    try:
        inputs: list[Kind] = msgspec.json.decode(body, type=batch).inputs  # type: ignore[attr-defined]
    except msgspec.ValidationError as error:
        fault = error if _has_inputs(body) else single
        message, _, place = str(fault).partition(" - at ")
        fields = [field.encode_name for field in msgspec.structs.fields(cls)]
        raise RequestError(
            f"not a valid request: {message}", status=422, where=place.strip("`") or "$",
            allowed=[*fields, "inputs"], hint=f'send {{"{fields[0]}": …}}, or {{"inputs": [{{"{fields[0]}": …}}, …]}}',
        ) from fault  # fmt: skip
    return inputs


def _has_inputs(body: bytes) -> bool:
    value = msgspec.json.decode(body)
    return isinstance(value, dict) and "inputs" in value


def malformed(error: Exception) -> RequestError:
    """400 for a body that is not JSON at all, with the place in it."""
    message = str(error).removeprefix("JSON is malformed: ")
    return RequestError(f"the body is not JSON: {message}", status=400, where="body", allowed="JSON in UTF-8")


def respond(predictions: list[Kind], batch: bool) -> Response:
    """The response to `read`'s inputs."""
    if not batch:
        return Response(kinds.encode(predictions[0]))
    return Response(b'{"predictions":[' + b",".join(map(kinds.encode, predictions)) + b"]}")
