"""From examples to what training reads: the row-wise variables of the program, and the encoded targets.

The same operations run here and in production. Pictures, decoded and resized, are kept as one memory-mapped array
in the project's cache, so that later runs begin at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from modelworks.bundle import Interpreter
from modelworks.contracts.body import LEAVES, Body
from modelworks.contracts.task import Task
from modelworks.core import hashing
from modelworks.core.errors import DataError, RequestError
from modelworks.core.progress import Progress
from modelworks.dataset import Dataset
from modelworks.kinds import Example

Row = dict[str, Any]
_CHUNK = 256


class Reader:
    """Makes rows of a dataset's splits."""

    def __init__(self, task: Task, dataset: Dataset, body: Body, interpreter: Interpreter, cache: Path) -> None:
        self._task, self._dataset, self._interpreter = task, dataset, interpreter
        self._names = _needed(body)
        self._key = hashing.digest("rows", [dataset.id, msgspec.to_builtins(body.before)])
        self._cache = cache / "rows" / self._key

    def read(self, split: str, progress: Progress) -> list[Row]:
        """All rows of a split, with targets."""
        count = self._dataset.splits.get(split, 0)
        progress.start(f"reading {split}", count, "examples")
        pixels = self._cache / f"{split}.npy"
        if pixels.is_file():
            return self._cached(split, pixels, progress)
        rows = [row for chunk in self._computed(split, progress) for row in chunk]
        return self._keep(rows, pixels)

    def _computed(self, split: str, progress: Progress) -> Iterator[list[Row]]:
        for examples in _chunks(self._dataset.examples(split)):
            variables = _rowwise(self._interpreter, examples)
            yield [self._row(example, row) for example, row in zip(examples, variables, strict=True)]
            progress.advance(len(examples))

    def _row(self, example: Example, variables: Row) -> Row:
        row = {name: variables[name] for name in self._names}
        if example.target is not None:
            row |= self._task.encode(example.target, variables, self._dataset.labels)
        return row

    def _cached(self, split: str, path: Path, progress: Progress) -> list[Row]:
        (name,) = self._names
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        rows = [self._row(example, {name: array[i]}) for i, example in enumerate(self._dataset.examples(split))]
        progress.advance(len(rows))
        return rows

    def _keep(self, rows: list[Row], path: Path) -> list[Row]:
        """Move pictures into the cache, when they are all this body reads and of one size."""
        if len(self._names) != 1 or not rows:
            return rows
        (name,) = self._names
        first = rows[0][name]
        if getattr(first, "ndim", 0) != 3 or any(row[name].shape != first.shape for row in rows):
            return rows
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.part")
        array = np.lib.format.open_memmap(temporary, "w+", dtype=first.dtype, shape=(len(rows), *first.shape))
        for i, row in enumerate(rows):
            array[i] = row[name]
        array.flush()
        os.replace(temporary, path)
        shared = np.load(path, mmap_mode="r", allow_pickle=False)
        return [{**row, name: shared[i]} for i, row in enumerate(rows)]


def _needed(body: Body) -> list[str]:
    """Variables of the row-wise calls that the graph's part or the task reads."""
    made = {name for call in body.before for name in call.outputs}
    read = {name for call in body.after for name in call.inputs} | set(LEAVES[body.shape])
    return sorted(made & read)


def _rowwise(interpreter: Interpreter, examples: Sequence[Example]) -> list[Row]:
    try:
        return interpreter.rowwise([example.input for example in examples])
    except RequestError as error:
        if len(examples) > 1:
            return [row for example in examples for row in _rowwise(interpreter, [example])]
        raise DataError(
            f"an example cannot be read: {error.message}", where=examples[0].where or f"example {examples[0].id}",
            seen=error.seen, allowed=error.allowed, hint="mend it or take it out of the data",
        ) from error  # fmt: skip


def _chunks(examples: Iterable[Example]) -> Iterator[list[Example]]:
    iterator = iter(examples)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def class_counts(rows: Sequence[Mapping[str, Any]], classes: int) -> np.ndarray:
    """How many units of the training rows carry each class; int64 [classes]. A DataError when only one does."""
    if rows and rows[0]["labels"].dtype.kind == "f":  # independent yes and no for each class
        counts: np.ndarray = np.sum([row["labels"] for row in rows], axis=0).astype(np.int64)
    else:
        labels = np.concatenate([np.ravel(row["labels"]) for row in rows]) if rows else np.empty(0, np.int64)
        counts = np.bincount(labels[labels >= 0], minlength=classes)
    if np.count_nonzero(counts) < 2:
        raise DataError(
            "the training split holds fewer than two classes: there is nothing to learn", where="dataset",
            seen=counts.tolist(), hint="label examples of the other classes, or check data.columns",
        )  # fmt: skip
    return counts
