"""From faults to responses: one JSON shape for every error."""

from __future__ import annotations

import logging

import msgspec

from modelworks.core.errors import ModelworksError, RequestError
from modelworks.serve.message import Response

log = logging.getLogger("modelworks.serve")


def json_response(value: object, status: int = 200) -> Response:
    """Plain data as a JSON response."""
    return Response(msgspec.json.encode(value), status)


def error_response(error: Exception) -> Response:
    """`{error, message, where, seen, allowed, hint}` with the error's status; 500 when the client is not to blame."""
    if not isinstance(error, ModelworksError):
        log.error("a request failed", exc_info=error)
        error = ModelworksError("the server failed to answer this request", hint="its log says why")
    status = error.status if isinstance(error, RequestError) else 500
    response = json_response(error.to_dict(), status)
    retry = getattr(error, "retry_after", None)
    if retry:
        response.headers["retry-after"] = str(retry)
    return response
