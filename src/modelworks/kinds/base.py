"""What every kind is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import msgspec

from modelworks.core.errors import ConfigError, RequestError
from modelworks.kinds.edits import Edit

KINDS: dict[str, type[Kind]] = {}
T = TypeVar("T", bound="Kind")


class Judgement(NamedTuple):
    """One decision of a prediction held against the target. `truth` or `predicted` is None for something invented or
    missed; `score` in [0, 1]."""

    truth: str | None
    predicted: str | None
    score: float | None
    right: bool


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A typed value. Subclasses are frozen, refuse unknown fields, and carry a `name`.

    All that formats, stages, server and command line need to know of a value is a member here, so that none of them
    names a concrete kind."""

    name: ClassVar[str] = ""
    media: ClassVar[tuple[str, ...]] = ()
    """Media types of a bare body that is one value (`image/*`); see `raw`."""
    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Field of a table or JSON line -> usual names of its column, best first."""
    needs: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Sets of such fields of which one must be there to make a value; empty for the required fields of the struct."""
    opened: ClassVar[Mapping[str, str]] = {}
    """Field -> the row-wise operation that opens it (a picture's bytes): data is tried with it before training."""
    pipeline: ClassVar[Mapping[str, str]] = {}
    """Of an input: kind of prediction -> the hub's name for models from one to the other (`pipeline_tag`)."""
    sample: ClassVar[Mapping[str, Any]] = {}
    """A small example as JSON has it, for documentation."""
    fewest_labels: ClassVar[int] = 0
    """As a target: how many different labels a training split must have to be learnt from."""
    open_labels: ClassVar[bool] = False
    """As a target: whether dev and test may hold labels that training never sees (values of features, say)."""
    chances: ClassVar[bool] = False
    """As a prediction: whether its scores are the chances that what it says is right, so that their mean estimates the
    share that is right."""

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

    @classmethod
    def raw(cls, data: bytes) -> Self:
        """The value whose bare bytes these are: a file, a request's body, a line of standard input. ValueError for
        bytes that are none, or a kind that has no such form."""
        raise ValueError(f"a {cls.name} is given as JSON, not as bare bytes")

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], input: Kind | None = None) -> Self:
        """The value from cells of a table by field (JSON field names and those of `columns`); a target may look at
        its input. ValueError in a sentence where it cannot be."""
        return msgspec.convert({name: given[name] for name in _names(cls) if name in given}, cls, strict=False)

    def fits(self, input: Kind) -> None:
        """Raise ValueError when this target contradicts its input (a span past the end of the text)."""

    def stretches(self) -> Sequence[tuple[int, int]]:
        """Code points [start, end) of the input's text that this target speaks of, and that nothing should be put
        into or cut."""
        return ()

    def words(self) -> Iterable[str]:
        """The words of an input, as a vocabulary has them; none where it is no text."""
        return ()

    def plain(self) -> Kind:
        """The normal form: equal for values that count as duplicates."""
        return self

    def resized(self, words: int) -> Kind | None:
        """A value of this kind that is `words` (1 and more) words long, made of the words of this one, to try how
        length changes an answer; None where there is none."""
        return None

    def shorter(self) -> Kind | None:
        """A much smaller value of this kind; None where there is none."""
        return self.resized(1)

    def as_text(self) -> str:
        """In one line, as a person reads it."""
        return msgspec.json.encode(self).decode()

    def rows(self) -> list[tuple[str, float | None]]:
        """A prediction as lines for a terminal: what was found, and its score in [0, 1] where there is one."""
        return [(self.as_text(), None)]

    def prose(self) -> str:
        """The text of an input that `edited` changes; empty where there is none."""
        return ""

    def edited(self, edits: Sequence[Edit]) -> Kind | None:
        """An input after edits of its text; a target whose offsets moved along; None where that is not defined."""
        return None

    def judgements(self, target: Kind) -> list[Judgement] | None:
        """The single decisions of this prediction, in its order; None for kinds that hold none."""
        return None


@cache
def _names(cls: type[Kind]) -> tuple[str, ...]:
    """A kind's fields as JSON names them."""
    return tuple(field.encode_name for field in msgspec.structs.fields(cls))


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
