"""What every kind is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

import msgspec

from modelworks.core.errors import ConfigError, RequestError

KINDS: dict[str, type[Kind]] = {}
T = TypeVar("T", bound="Kind")


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A typed value. Subclasses are frozen, refuse unknown fields, and carry a `name`."""

    name: ClassVar[str] = ""
    fewest_labels: ClassVar[int] = 0
    """As a target: how many different labels a training split must have to be learnt from."""

    def check(self) -> None:
        """Raise ValueError, in a sentence, when the value contradicts itself."""

    def labels(self) -> Iterable[str]:
        """The class names that occur in a target or prediction (empty for inputs)."""
        return ()

    def size(self) -> int:
        """How much there is of it: characters, bytes or items; for limits and length slices."""
        return 0

    def extents(self) -> dict[str, int]:
        """What limits bound, as unit -> amount (`characters`, `bytes`, `pixels`): a bundle's limit `max_<unit>`."""
        return {}


def kind(name: str) -> Any:
    """Class decorator: enter a kind into the table under a name."""

    def enter(cls: type[T]) -> type[T]:
        cls.name = name
        KINDS[name] = cls
        return cls

    return enter


def named(name: str) -> type[Kind]:
    """The kind of a name, or a ConfigError."""
    if name not in KINDS:
        raise ConfigError(f"there is no kind {name!r}", seen=name, allowed=sorted(KINDS))
    return KINDS[name]


def decode(name: str, data: bytes | dict[str, Any], where: str = "") -> Kind:
    """A checked value of kind `name` from JSON bytes or plain data; a RequestError that says where and what."""
    cls = named(name)
    try:
        value = msgspec.json.decode(data, type=cls) if isinstance(data, bytes) else msgspec.convert(data, cls)
        value.check()
    except (msgspec.MsgspecError, ValueError) as error:
        raise RequestError(
            f"not a valid {name}: {error}", where=where, allowed=[f.encode_name for f in msgspec.structs.fields(cls)]
        ) from error
    return value


def encode(value: Kind) -> bytes:
    """JSON bytes of a value (bytes fields become base64)."""
    return msgspec.json.encode(value)


def schema(name: str) -> dict[str, Any]:
    """JSON Schema of a kind."""
    return msgspec.json.schema(named(name))
