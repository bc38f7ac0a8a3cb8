"""A client of MLflow, and what goes wrong with it in words."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from modelworks.contracts.registry import Refused, RegistryError
from modelworks.core.errors import MissingExtra, ModelworksError

# No account of use leaves the machine (MLflow 3 sends it by default). MLflow itself waits for a server that is away for
# minutes, and longer for one that is slow; later runs try again, so that seconds are enough.
_DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_HURRY = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}
_CREDENTIALS = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"


@contextlib.contextmanager
def calls(uri: str, patient: bool = True) -> Iterator[Any]:
    """A MlflowClient; what it raises comes out as RegistryError, or Refused for a credential or a permission."""
    for name, value in (_DEFAULTS if patient else {**_DEFAULTS, **_HURRY}).items():
        os.environ.setdefault(name, value)
    try:
        from mlflow.tracking import MlflowClient
    except ModuleNotFoundError as error:
        raise MissingExtra("mlflow", "mlflow") from error
    try:
        yield MlflowClient(tracking_uri=uri, registry_uri=uri)
    except ModelworksError:
        raise
    except Exception as error:
        raise _told(error, uri) from error


def is_absent(error: Exception) -> bool:
    """Whether an error of the client says that the thing asked for is not there."""
    return getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST"


def given(value: Any, what: str) -> str:
    """A name that the server gave. A server that answers, but is no MLflow, gives none, and must not be believed."""
    if not value:
        raise RegistryError(
            f"the server gave no {what}: it answers, but not as MLflow does", where="release.uri",
            hint="is it the address of an MLflow server?",
        )  # fmt: skip
    return str(value)


def _told(error: Exception, uri: str) -> RegistryError:
    where, seen = shown(uri), str(getattr(error, "message", "") or error or type(error).__name__)
    code = getattr(error, "error_code", "")
    if code == "UNAUTHENTICATED" or " 401 " in f" {seen} ":
        return Refused("MLflow refuses the credentials", where=where, hint=f"{_CREDENTIALS}; then: {_SYNC}")
    if code == "PERMISSION_DENIED" or " 403 " in f" {seen} ":
        message = "MLflow says that this user may not do that"
        return Refused(message, where=where, seen=seen, hint=f"ask for the permission; then: {_SYNC}")
    return RegistryError(f"MLflow did not take it: {_brief(seen)}", where=where, hint=_SYNC)


_SYNC = "modelworks release sync"


def _brief(text: str) -> str:
    """In a line; of a long one both ends, since the client ends with the cause."""
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:120]} … {line[-175:]}"


def shown(uri: str) -> str:
    """A URI without a password."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if parts.netloc else uri
