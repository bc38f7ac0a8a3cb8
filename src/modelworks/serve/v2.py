"""Open Inference Protocol, version 2, over REST (the protocol of KServe, Triton, MLServer and Seldon).

One input tensor carries the inputs: `BYTES`, shape [n] or [n, 1], texts as they are and pictures as base64. The answer
holds a BYTES tensor `prediction` (the prediction's JSON, the same bytes as `/predict` gives) and, for convenience, a
tensor for each plain field of the prediction (`label` BYTES, `score` FP64).
Source: https://github.com/kserve/open-inference-protocol
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field

from modelworks import __version__, kinds
from modelworks.core.errors import ModelworksError, RequestError
from modelworks.kinds import Kind
from modelworks.kinds.base import named
from modelworks.serve.message import Response
from modelworks.serve.typed import malformed

_TYPES: dict[type, str] = {str: "BYTES", float: "FP64", int: "INT64", bool: "BOOL"}


class Tensor(Struct, omit_defaults=True):
    """A request's or response's tensor; `data` in row-major order, nested or flat."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]
    parameters: dict[str, Any] = {}


class Wanted(Struct):
    """An output that the client asks for."""

    name: str
    parameters: dict[str, Any] = {}


class Inference(Struct):
    """The body of `…/infer`."""

    inputs: list[Tensor]
    id: str = ""
    parameters: dict[str, Any] = {}
    outputs: list[Wanted] = []


class Answer(Struct, omit_defaults=True):
    """The body of the response to `…/infer`."""

    model_name: str
    model_version: str
    outputs: list[Tensor]
    id: str = field(default="")


def server() -> dict[str, Any]:
    """Metadata of the server."""
    return {"name": "modelworks", "version": __version__, "extensions": []}


def model(manifest: Any, version: str) -> dict[str, Any]:
    """Metadata of the model."""
    outputs = [{"name": "prediction", "datatype": "BYTES", "shape": [-1]}]
    outputs += [{"name": name, "datatype": type_, "shape": [-1]} for name, type_ in _plain(manifest.prediction)]
    return {
        "name": manifest.name,
        "versions": [version],
        "platform": "onnxruntime_modelworks",
        "inputs": [{"name": manifest.input, "datatype": "BYTES", "shape": [-1]}],
        "outputs": outputs,
    }


def _plain(kind: str) -> list[tuple[str, str]]:
    fields = msgspec.structs.fields(named(kind))
    return [(f.encode_name, _TYPES[f.type]) for f in fields if f.type in _TYPES]


def read(body: bytes, kind: str) -> tuple[Inference, list[Kind]]:
    """(the request, its inputs). RequestError 400 or 422 when it is not of the protocol."""
    try:
        request = msgspec.json.decode(body, type=Inference)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at ")
        raise RequestError(f"not a valid inference request: {message}", status=422, where=place.strip("`")) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise malformed(error) from error
    if len(request.inputs) != 1 or request.inputs[0].name != kind:
        raise RequestError(
            "the model takes one input tensor", status=422, where="$.inputs",
            seen=", ".join(tensor.name for tensor in request.inputs), allowed=(kind,),
        )  # fmt: skip
    return request, _inputs(request.inputs[0], kind)


def _inputs(tensor: Tensor, kind: str) -> list[Kind]:
    data = [item for row in tensor.data for item in (row if isinstance(row, list) else [row])]
    if tensor.datatype != "BYTES":
        raise _wrong("datatype", tensor.datatype, "BYTES")
    if tensor.shape not in ([len(data)], [len(data), 1]):
        raise _wrong("shape", tensor.shape, f"[{len(data)}] or [{len(data)}, 1]: as many as there are data")
    cls = named(kind)
    name = msgspec.structs.fields(cls)[0].encode_name
    try:
        return [msgspec.convert({name: item}, cls) for item in data]
    except msgspec.ValidationError as error:
        raise _wrong("data", str(error).partition(" - at ")[0], "strings; pictures as base64") from error


def _wrong(where: str, seen: Any, allowed: str) -> RequestError:
    return RequestError(
        f"the tensor's {where} is not right", status=422, where=f"$.inputs[0].{where}", seen=str(seen), allowed=allowed
    )


def respond(request: Inference, predictions: list[Kind], manifest: Any, version: str) -> Response:
    """The response to `read`'s inputs: all outputs, or those the client asks for."""
    count = len(predictions)
    texts = [kinds.encode(prediction).decode() for prediction in predictions]
    outputs = [Tensor("prediction", [count], "BYTES", texts, {"content_type": "application/json"})]
    plain = msgspec.to_builtins(predictions)
    outputs += [
        Tensor(name, [count], type_, [p[name] for p in plain]) for name, type_ in _plain(manifest.prediction)
    ]  # fmt: skip
    if request.outputs:
        known = {tensor.name: tensor for tensor in outputs}
        for wanted in request.outputs:
            if wanted.name not in known:
                raise RequestError(
                    "no such output", status=422, where="$.outputs", seen=wanted.name, allowed=list(known)
                )
        outputs = [known[wanted.name] for wanted in request.outputs]
    return Response(msgspec.json.encode(Answer(manifest.name, version, outputs, request.id)))


def error_body(error: ModelworksError) -> dict[str, str]:
    """The protocol's error: one string, with all that the error knows."""
    return {"error": str(error)}
