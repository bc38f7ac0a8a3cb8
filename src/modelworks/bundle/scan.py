"""What a bundle's files may be: known types, no pickle, and graphs whose outside data is contained and listed.

ONNX is read as bare protobuf, tag by tag, so that nothing heavy is imported and weights are skipped, not read.
"""

from __future__ import annotations

import mmap
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from modelworks.bundle.manifest import SUFFIXES
from modelworks.core.errors import BundleError
from modelworks.core.files import contained

# Message -> its fields that lead to tensors (numbers of onnx.proto3).
_FIELDS = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
    "entry": {},
}
_DEPTH = 64


def check_file(path: Path, relative: str) -> None:
    """Raise BundleError for a type of file that has no place in a bundle, and for a pickle under any name."""
    if PurePosixPath(relative).suffix not in SUFFIXES:
        raise BundleError("a bundle holds no such files", where=str(path), seen=relative, allowed=SUFFIXES)
    with path.open("rb") as stream:
        head = stream.read(4)
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        raise BundleError("a pickle has no place in a bundle", where=str(path), seen=relative)
    if head == b"PK\x03\x04":
        raise BundleError("an archive has no place in a bundle", where=str(path), seen=relative)


def check_external(folder: Path, relative: str, listed: Collection[str]) -> None:
    """Raise BundleError unless every external-data location of an ONNX graph is contained and listed."""
    graph = contained(folder, relative)
    for location in external_locations(graph):
        target = (PurePosixPath(relative).parent / location).as_posix()
        contained(folder, target)
        if target not in listed:
            raise BundleError("external data is not listed in the manifest", where=str(graph), seen=location)


def external_locations(path: Path) -> set[str]:
    """Locations of external data that an ONNX file names."""
    if path.stat().st_size == 0:
        raise BundleError("the graph file is empty", where=str(path))
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            found = set(_locations(data, 0, len(data), "model", 0))
        except (IndexError, ValueError, UnicodeDecodeError) as error:
            raise BundleError(f"not an ONNX graph: {error}", where=str(path)) from error
    return found


def _locations(data: mmap.mmap, start: int, end: int, message: str, depth: int) -> Iterator[str]:
    if depth > _DEPTH:
        raise ValueError("nested too deeply")
    for number, begin, stop in _parts(data, start, end):
        inner = _FIELDS[message].get(number)
        if inner == "entry":
            parts = {n: bytes(data[b:s]) for n, b, s in _parts(data, begin, stop)}
            if parts.get(1) == b"location":
                yield parts.get(2, b"").decode()
        elif inner is not None:
            yield from _locations(data, begin, stop, inner, depth + 1)


def _parts(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(field number, begin, stop) of the length-delimited fields of a message."""
    position = start
    while position < end:
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == 2:
            length, position = _varint(data, position)
            if position + length > end:
                raise ValueError("truncated")
            yield number, position, position + length
            position += length
        elif wire == 0:
            _, position = _varint(data, position)
        elif wire in (1, 5):
            position += 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
    if position != end:
        raise ValueError("truncated")


def _varint(data: mmap.mmap, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("number too long")
