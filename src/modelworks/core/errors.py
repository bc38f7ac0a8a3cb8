"""Every error a user can meet.

ModelworksError
 ├─ ConfigError      modelworks.yaml, a flag, a name that does not exist
 ├─ DataError        labelled files, a dataset
 ├─ BundleError      a bundle that is damaged, altered, unknown or unsafe
 ├─ StoreError       the artifact store, disk, locks
 ├─ StepError        a pipeline step that failed
 ├─ RequestError     one request to the server or the predictor (carries an HTTP status)
 ├─ MissingExtra     an optional package is not installed
 └─ GateFailed       the verdict is "do not release" (exit code 1: not a fault of the program)

Each says where, what was seen, what is allowed, and what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any


def nearest(name: str, options: Iterable[str]) -> str | None:
    """The option most like `name`, or None when nothing is close."""
    found = difflib.get_close_matches(name, list(options), n=1, cutoff=0.6)
    return found[0] if found else None


class ModelworksError(Exception):
    """Base of all errors meant for users.

    Args:
        message: what went wrong, one sentence.
        where: file, line, step, field or URL.
        seen: the offending value (shortened when shown).
        allowed: the legal values, or a phrase that describes them.
        hint: what to do next, ideally a command.
    """

    code = "error"
    exit_code = 2

    def __init__(
        self, message: str, *, where: str = "", seen: Any = None, allowed: Sequence[str] | str = (), hint: str = ""
    ) -> None:
        super().__init__(message)
        self.message, self.where, self.seen, self.hint = message, where, seen, hint
        self.allowed = allowed if isinstance(allowed, str) else tuple(allowed)
        if not hint and self.allowed and isinstance(seen, str) and not isinstance(self.allowed, str):
            close = nearest(seen, self.allowed)
            self.hint = f"did you mean {close!r}?" if close else ""

    def __str__(self) -> str:
        lines = [self.message]
        if self.where:
            lines.append(f"  where:   {self.where}")
        if self.seen is not None:
            lines.append(f"  seen:    {_short(self.seen)}")
        if self.allowed:
            allowed = self.allowed if isinstance(self.allowed, str) else ", ".join(self.allowed)
            lines.append(f"  allowed: {_short(allowed, 400)}")
        if self.hint:
            lines.append(f"  next:    {self.hint}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """The same facts for `--json` and for HTTP bodies."""
        facts: dict[str, Any] = {"error": self.code, "message": self.message, "where": self.where, "hint": self.hint}
        if self.seen is not None:
            facts["seen"] = _short(self.seen)
        if self.allowed:
            facts["allowed"] = self.allowed if isinstance(self.allowed, str) else list(self.allowed)
        return {k: v for k, v in facts.items() if v}


def _short(value: Any, limit: int = 160) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


class ConfigError(ModelworksError):
    """A fault in modelworks.yaml, in a command's arguments, or a name that does not exist."""

    code = "config"


class DataError(ModelworksError):
    """A fault in labelled data."""

    code = "data"


class BundleError(ModelworksError):
    """A bundle that is damaged, altered, of an unknown version, or unsafe."""

    code = "bundle"


class StoreError(ModelworksError):
    """The artifact store cannot be read or written."""

    code = "store"


class StepError(ModelworksError):
    """A pipeline step failed."""

    code = "step"


class RequestError(ModelworksError):
    """One input cannot be answered. `status` is the HTTP status the server gives."""

    code = "request"

    def __init__(self, message: str, *, status: int = 400, retry_after: int | None = None, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.status, self.retry_after = status, retry_after


class MissingExtra(ModelworksError):
    """An optional package is needed and not installed."""

    code = "missing-extra"

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed", hint=f"pip install 'modelworks[{extra}]'")


class GateFailed(ModelworksError):
    """The verdict is not to release."""

    code = "gate"
    exit_code = 1
