"""The OpenAPI 3.1 document, made from the kinds."""

from __future__ import annotations

from typing import Any

import msgspec

from modelworks import __version__
from modelworks.kinds.base import named
from modelworks.serve import v2


def document(manifest: Any, version: str) -> dict[str, Any]:
    """The description of this server with this model."""
    types = [named(manifest.input), named(manifest.prediction), v2.Inference, v2.Answer]
    references, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    one, prediction, inference, answer = references
    schemas["Error"] = _ERROR
    return {
        "openapi": "3.1.0",
        "info": {
            "title": manifest.name, "version": version,
            "description": f"{manifest.task}, bundle {manifest.id[:12]}, served by modelworks {__version__}.",
        },
        "x-modelworks": {
            "task": manifest.task, "bundle": manifest.id, "variant": manifest.variant, "input": manifest.input,
            "prediction": manifest.prediction, "labels": list(manifest.labels),
        },
        "paths": {
            "/predict": {"post": _predict(manifest, one, prediction)},
            f"/v2/models/{manifest.name}": {"get": _get("Metadata of the model")},
            f"/v2/models/{manifest.name}/infer": {
                "post": _post("Open Inference Protocol V2", {"application/json": {"schema": inference}}, answer)
            },
            "/livez": {"get": _get("Is the process alive? (also /healthz, /v2/health/live)")},
            "/readyz": {"get": _get("Does a model answer? (also /v2/health/ready)")},
            "/metrics": {"get": _get("Prometheus metrics", "text/plain")},
        },
        "components": {"schemas": schemas},
    }  # fmt: skip


_ERROR = {
    "type": "object",
    "required": ["error", "message"],
    "properties": {name: {"type": "string"} for name in ("error", "message", "where", "seen", "hint")}
    | {"allowed": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}},
}


def _predict(manifest: Any, one: dict[str, Any], prediction: dict[str, Any]) -> dict[str, Any]:
    batch = {
        "type": "object", "required": ["inputs"], "additionalProperties": False,
        "properties": {"inputs": {"type": "array", "items": one}},
    }  # fmt: skip
    content: dict[str, Any] = {"application/json": {"schema": {"oneOf": [one, batch]}}}
    kind = named(manifest.input)
    if kind.sample:
        content["application/json"]["example"] = kind.sample
    for media in kind.media:
        content[media] = {"schema": {"type": "string", "format": "binary"}}
    answers = {"type": "object", "properties": {"predictions": {"type": "array", "items": prediction}}}
    return _post("Predict one input or a batch", content, {"oneOf": [prediction, answers]})


def _post(summary: str, content: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    fault = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    words = {
        "400": "Not JSON", "413": "Too large", "415": "Unknown media type", "422": "Not the right shape",
        "429": "The queue is full: see Retry-After", "503": "No answer within the deadline, or draining",
    }  # fmt: skip
    faults = {status: {"description": text, **fault} for status, text in words.items()}
    good = {"description": "The prediction", "content": {"application/json": {"schema": answer}}}
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": content},
        "responses": {"200": good, **faults},
    }


def _get(summary: str, media: str = "application/json") -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": "OK", "content": {media: {}}}}}
