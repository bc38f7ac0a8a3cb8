"""Per-example statistics, kept so that any later score, slice or paired test needs no model."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from modelworks.core import files
from modelworks.core.errors import StoreError

FILE = "statistics.npz"


@dataclass(frozen=True, slots=True)
class Table:
    """The statistics of n examples under some metrics, and which slices each example is in."""

    ids: tuple[str, ...]
    metrics: dict[str, list[np.ndarray]]
    """Metric -> n float64 arrays (the shape is the metric's business)."""
    members: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), bool))
    """bool [s, n]: row i belongs to the report's i-th slice."""

    def rows(self, metric: str, where: np.ndarray) -> list[np.ndarray]:
        """The statistics of the examples at positions `where` (int [m])."""
        column = self.metrics[metric]
        return [column[i] for i in where]


def save(table: Table, folder: Path) -> None:
    """Write `statistics.npz`: ids, packed slice members, and per metric flat values, offsets and shapes."""
    arrays: dict[str, np.ndarray] = {"ids": np.array(table.ids, dtype=np.str_), "slices": np.array(len(table.members))}
    if len(table.members):
        arrays["members"] = np.packbits(table.members, axis=1)
    for name, column in table.metrics.items():
        for part, array in _flatten(column).items():
            arrays[f"{name}.{part}"] = array
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    files.write_bytes(folder / FILE, stream.getvalue())


def load(folder: Path) -> Table:
    """Read what `save` wrote; a StoreError when it is missing or damaged. Never unpickles."""
    path = folder / FILE
    try:
        with np.load(path, allow_pickle=False) as arrays:
            ids = tuple(str(one) for one in arrays["ids"])
            names = [key[: -len(".flat")] for key in arrays.files if key.endswith(".flat")]
            metrics = {name: _restore(*(arrays[f"{name}.{part}"] for part in _PARTS)) for name in names}
            count = int(arrays["slices"])
            packed = arrays["members"] if count else np.zeros((0, 0), np.uint8)
            members = np.unpackbits(packed, axis=1, count=len(ids)).astype(bool) if count else packed.astype(bool)
    except (OSError, KeyError, ValueError) as error:
        raise StoreError(f"cannot read the report's statistics: {error}", where=str(path)) from error
    return Table(ids, metrics, members)


_PARTS = ("flat", "offsets", "shapes")


def _flatten(column: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    arrays = [np.asarray(one, np.float64) for one in column]
    flat = np.concatenate([one.ravel() for one in arrays]) if arrays else np.zeros(0)
    offsets = np.concatenate([[0], np.cumsum([one.size for one in arrays])]).astype(np.int64)
    shapes = np.array([one.shape for one in arrays], np.int64).reshape(len(arrays), -1 if arrays else 0)
    return {"flat": flat, "offsets": offsets, "shapes": shapes}


def _restore(flat: np.ndarray, offsets: np.ndarray, shapes: np.ndarray) -> list[np.ndarray]:
    ends = zip(offsets[:-1], offsets[1:], shapes, strict=True)
    return [flat[start:end].reshape(shape) for start, end, shape in ends]
