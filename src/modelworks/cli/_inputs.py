"""Arguments of a command as inputs of a kind."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelworks.kinds import Kind


def read(arguments: tuple[str, ...], kind: str, more: tuple[str, ...] = ()) -> tuple[list[str], list[Kind]]:
    """(what to call each input, the inputs). `more` are further fields of each, as FIELD=JSON."""
    shown, values = _read(arguments, kind)
    fields = dict(_field(text) for text in more)
    return shown, [_filled(value, fields) for value in values] if fields else values


def _field(text: str) -> tuple[str, Any]:
    import msgspec

    from modelworks.core.errors import ConfigError

    name, mark, value = text.partition("=")
    try:
        return name, msgspec.json.decode(value) if mark else None
    except msgspec.DecodeError as error:
        raise ConfigError(f"not JSON: {error}", where="--with", seen=text, allowed="FIELD=JSON") from error


def _filled(value: Kind, fields: dict[str, Any]) -> Kind:
    import msgspec

    from modelworks.core.errors import ConfigError

    try:
        return msgspec.convert({**msgspec.to_builtins(value), **fields}, type(value))
    except msgspec.ValidationError as error:
        known = [field.encode_name for field in msgspec.structs.fields(type(value))]
        raise ConfigError(f"not a field of the input: {error}", where="--with", allowed=known) from error


def _read(arguments: tuple[str, ...], kind: str) -> tuple[list[str], list[Kind]]:
    """(what to call each input, the inputs). Each argument is a text, for kinds that a plain text is; a file, for
    kinds of bytes; else JSON. `-` reads standard input: a text or JSON a line, or the bytes of one file."""
    from modelworks.kinds.base import named

    cls = named(kind)
    if is_text(cls):
        texts = _spread(arguments)
        return texts, [_raw(cls, text.encode("utf-8", "surrogatepass"), text) for text in texts]
    if cls.media:
        return list(arguments), [_raw(cls, _bytes(given), given) for given in arguments]
    values = [_json(text, kind) for text in _spread(arguments)]
    return [value.as_text() for value in values], values


def is_text(kind: type[Kind]) -> bool:
    """Whether a plain text is a value of the kind."""
    return any(fnmatch("text/plain", media) for media in kind.media)


def _spread(arguments: tuple[str, ...]) -> list[str]:
    return [line for given in arguments for line in (_lines() if given == "-" else [given])]


def _raw(kind: type[Kind], data: bytes, where: str) -> Kind:
    from modelworks.core.errors import DataError

    try:
        return kind.raw(data)
    except ValueError as error:
        raise DataError(f"not a valid {kind.name}: {error}", where=where) from error


def _json(text: str, kind: str) -> Kind:
    import msgspec

    from modelworks.core.errors import DataError, RequestError
    from modelworks.kinds.base import decode, named

    try:
        return decode(kind, text.encode("utf-8", "surrogatepass"))
    except RequestError as error:
        sample = msgspec.json.encode(named(kind).sample).decode()
        raise DataError(error.message, seen=text, allowed=sample, hint=f"give the {kind} as JSON") from error


def _lines() -> Iterator[str]:
    from modelworks.core.errors import DataError

    try:
        yield from [line for line in sys.stdin.buffer.read().decode("utf-8").splitlines() if line]
    except UnicodeDecodeError as error:
        raise DataError("standard input is not UTF-8", where=f"byte {error.start}") from error


def _bytes(given: str) -> bytes:
    from modelworks.core.errors import DataError

    if given == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(given).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read: {error.strerror}", where=given) from error
