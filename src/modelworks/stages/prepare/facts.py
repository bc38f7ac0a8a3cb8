"""What the first pass over the examples keeps of each: enough to split and to judge, small enough for millions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from modelworks.kinds import Example


@dataclass(frozen=True, slots=True)
class Fact:
    """One usable example."""

    key: bytes
    """16 bytes of the digest of the normalized input: examples with one key are duplicates."""
    target: bytes
    """8 bytes of the digest of the target: duplicates that differ in it conflict."""
    labels: tuple[str, ...]
    size: int
    split: str
    """The split it is given for, or ""."""
    group: str
    time: str
    where: str


_interned: dict[tuple[str, ...], tuple[str, ...]] = {}


def fact(example: Example) -> Fact:
    """The fact of an example."""
    key = hashlib.sha256(msgspec.msgpack.encode(example.input.plain())).digest()[:16]
    labels = tuple(example.target.labels()) if example.target is not None else ()
    target = labels or (None if example.target is None else msgspec.to_builtins(example.target))
    return Fact(
        key, hashlib.sha256(msgspec.msgpack.encode(target)).digest()[:8], _interned.setdefault(labels, labels),
        example.input.size(), example.split, example.meta.get("group", ""), example.meta.get("time", ""), example.where,
    )  # fmt: skip
