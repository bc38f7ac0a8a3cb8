"""A bundle as what it differs in from a package's weights: small enough to be committed, and whole again in a second.

Stretches of the bundle's graphs that are a tensor of the package, as it is or a little changed, are cut out. What was
cut is named in `delta.json`; by how much it differs stands in `delta.bin`, in four bits a number. The bundle is put
together again by numpy's elementwise float32 arithmetic alone, which gives the same bytes everywhere: what comes out
is checked against the SHA-256s of the manifest."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from msgspec import Struct

from modelworks.bundle import Manifest, derive, pack, verify
from modelworks.bundle.archive import unpack
from modelworks.core.errors import BundleError

if TYPE_CHECKING:
    Tensors = Mapping[str, np.ndarray]

VARIANT = "delta-int4"
_LIST, _DATA = "delta.json", "delta.bin"
_LEAST = 4096
"""Numbers of the smallest matrix that is cut out."""
_NEAR = 0.5
"""Largest difference to a tensor, relative to the matrix itself, that makes it one of it."""
_LEVELS = 7


class Stretch(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A float32 matrix of a file."""

    file: str
    offset: int
    shape: tuple[int, int]
    tensor: str
    """Of the package's safetensors."""
    transposed: bool
    changed: bool
    """Whether `delta.bin` has its difference: a float32 scale a row, then two numbers a byte, row by row."""


# Taking apart


def take(bundle: Path, weights: Path, target: Path) -> Manifest:
    """Write the archive `target` of a bundle folder's difference to the safetensors in `weights`; the manifest of the
    bundle that it gives, a variant of the given one."""
    tensors = dict(_tensors(weights))
    with tempfile.TemporaryDirectory() as scratch:
        made, found = Path(scratch) / "bundle", Path(scratch) / "model.onnx"
        graph = "graphs/model.onnx"
        stretches, data = _graph(bundle / graph, graph, tensors, found)
        manifest = derive(bundle, made, variant=VARIANT, files={graph: found})
        _cut(made / graph, stretches)
        (made / _DATA).write_bytes(data)
        (made / _LIST).write_bytes(msgspec.json.encode(stretches))
        pack(made, target)
    return manifest


def _graph(source: Path, name: str, tensors: Tensors, target: Path) -> tuple[list[Stretch], bytes]:
    """Write the graph with its matrices as they will be put together; where they lie, and their differences."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(source))
    parts: list[tuple[bytes, Stretch, bytes]] = []
    for initializer in model.graph.initializer:
        matrix = numpy_helper.to_array(initializer)
        if matrix.ndim != 2 or matrix.dtype != np.float32 or matrix.size < _LEAST:
            continue
        if (near := _nearest(matrix, tensors)) is not None:
            difference = _packed(matrix - _turned(tensors, *near))
            stretch = Stretch(
                file=name, offset=0, shape=matrix.shape, tensor=near[0], transposed=near[1], changed=bool(difference)
            )
            initializer.raw_data = _matrix(stretch, tensors, difference).tobytes()
            parts.append((initializer.raw_data, stretch, difference))
    whole = model.SerializeToString(deterministic=True)
    target.write_bytes(whole)
    placed = sorted(((whole.index(raw), stretch, data) for raw, stretch, data in parts), key=lambda part: part[0])
    return [msgspec.structs.replace(one, offset=at) for at, one, _ in placed], b"".join(data for *_, data in placed)


def _nearest(matrix: np.ndarray, tensors: Tensors) -> tuple[str, bool] | None:
    """(name, transposed) of the tensor that a matrix was made from."""
    norm = float(np.linalg.norm(matrix))
    found = [
        (float(np.linalg.norm(matrix - _turned(tensors, name, turn))), name, turn)
        for name, tensor in tensors.items()
        for turn in (False, True)
        if (tensor.shape[::-1] if turn else tensor.shape) == matrix.shape
    ]
    distance, name, turn = min(found, default=(np.inf, "", False))
    return (name, turn) if distance <= _NEAR * norm else None


def _packed(difference: np.ndarray) -> bytes:
    if not difference.any():
        return b""
    scales = (np.abs(difference).max(axis=1, keepdims=True) / _LEVELS).astype("<f4")
    numbers = np.rint(difference / np.where(scales, scales, 1)).astype(np.int8) + 8
    flat = np.append(numbers.ravel(), [8] * (numbers.size % 2)).astype(np.uint8)
    halves: np.ndarray = flat[::2] | flat[1::2] << 4
    return bytes(scales.tobytes() + halves.tobytes())


def _cut(path: Path, stretches: list[Stretch]) -> None:
    whole, at, kept = path.read_bytes(), 0, []
    for one in stretches:
        kept.append(whole[at : one.offset])
        at = one.offset + 4 * one.shape[0] * one.shape[1]
    path.write_bytes(b"".join([*kept, whole[at:]]))


# Putting together


def restore(archive: Path, weights: Path, folder: Path) -> Manifest:
    """Put the bundle of an archive together in an empty folder, from the safetensors in `weights`.

    Raises:
        BundleError: the archive is damaged, or these are not the weights it was made from.
    """
    unpack(archive, folder)
    stretches = msgspec.json.decode((folder / _LIST).read_bytes(), type=list[Stretch])
    data = (folder / _DATA).read_bytes()
    for name in (_LIST, _DATA):
        (folder / name).unlink()
    tensors, at = dict(_tensors(weights)), 0
    for file in dict.fromkeys(one.file for one in stretches):
        left, pieces, end = (folder / file).read_bytes(), [], 0
        length = 0
        for one in (stretch for stretch in stretches if stretch.file == file):
            size = _size(one)
            piece = _matrix(one, tensors, data[at : at + size]).tobytes()
            pieces += [left[end : end + one.offset - length], piece]
            end, length, at = end + one.offset - length, one.offset + len(piece), at + size
        (folder / file).write_bytes(b"".join([*pieces, left[end:]]))
    return verify(folder)


def _size(one: Stretch) -> int:
    rows, columns = one.shape
    return 4 * rows + -(-rows * columns // 2) if one.changed else 0


def _matrix(one: Stretch, tensors: Tensors, data: bytes) -> np.ndarray:
    matrix = _turned(tensors, one.tensor, one.transposed)
    if matrix.shape != one.shape or len(data) != _size(one):
        raise BundleError("not the weights that it was made from", where=one.tensor, seen=matrix.shape)
    if not one.changed:
        return matrix
    rows, columns = one.shape
    scales = np.frombuffer(data, "<f4", rows)[:, None]
    pairs = np.frombuffer(data, np.uint8, offset=4 * rows)
    numbers = np.stack([pairs & 15, pairs >> 4], 1).ravel()[: rows * columns].astype(np.float32) - np.float32(8)
    changed: np.ndarray = matrix + numbers.reshape(rows, columns) * scales
    return changed


def _turned(tensors: Tensors, name: str, transposed: bool) -> np.ndarray:
    if name not in tensors:
        raise BundleError("not the weights that it was made from", seen=name, allowed=sorted(tensors)[:8])
    return np.ascontiguousarray(tensors[name].T) if transposed else tensors[name]


def _tensors(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """The float32 matrices of the safetensors in a folder, by memory map.

    The format (https://github.com/huggingface/safetensors): length of the header, header in JSON, data."""
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            start = 8 + int.from_bytes(file.read(8), "little")
            header: dict[str, Any] = json.loads(file.read(start - 8))
        for name, one in header.items():
            if one.get("dtype") == "F32" and len(one["shape"]) == 2:
                yield name, np.memmap(path, "<f4", "r", start + one["data_offsets"][0], tuple(one["shape"]))
