"""Checks of one example, besides those its format and its kinds make."""

from __future__ import annotations

from types import SimpleNamespace

from modelworks.contracts import op as ops
from modelworks.contracts.format import Bad
from modelworks.core.errors import RequestError
from modelworks.kinds import Example, Kind


def fault(example: Example) -> Bad | None:
    """Why an example cannot be used, or None. What has to be opened (pictures) is opened whole, by the operation that
    serves it."""
    for field, operation in example.input.opened.items():
        if bad := _opens(getattr(example.input, field), operation, example.where):
            return bad
    return _empty(example.input, example.where) or _misfit(example)


def _opens(value: object, operation: str, where: str) -> Bad | None:
    try:
        ops.find(operation).run(SimpleNamespace(), [value])
    except RequestError as error:
        allowed = error.allowed if isinstance(error.allowed, str) else ", ".join(error.allowed)
        return Bad(where, error.message, str(error.seen or ""), allowed)
    return None


def _empty(value: Kind, where: str) -> Bad | None:
    if value.plain().size():
        return None
    return Bad(where, f"the {value.name} is empty", allowed="at least one character that is no white space")


def _misfit(example: Example) -> Bad | None:
    if example.target is None:
        return None
    try:
        example.target.fits(example.input)
    except ValueError as error:
        return Bad(example.where, str(error))
    return None
