"""Dataset: one immutable version of labelled examples.

A dataset artifact is a folder:

    lance/            one Lance table, a row an example (columns: dataset/rows.py)
    dataset.json      the `Description` below
    validation.json   the validation report

Design of versions: each artifact owns its table. A table shared by all imports would save the disk of unchanged rows,
but then removing one version could damage another, and an artifact could change after it was committed. So a version
is an artifact; the history of a project (dataset/history.py) is the list of the dataset artifacts in its store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from modelworks.core import files
from modelworks.core.errors import DataError
from modelworks.dataset import rows
from modelworks.kinds import Example

TABLE, DESCRIPTION, VALIDATION = "lance", "dataset.json", "validation.json"
SPLITS = ("train", "dev", "test")


class Description(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`dataset.json`."""

    format: int = 1
    id: str
    """Content digest, 64 hexadecimal digits."""
    version: int
    """Lance version of the table."""
    input: str
    target: str
    labels: tuple[str, ...]
    splits: dict[str, int]
    bytes: int = 0
    """Size of all inputs; sizes the batches that are read."""
    licences: tuple[dict[str, str], ...] = ()


class Dataset:
    """A dataset artifact, opened. Rows are streamed in batches: memory does not grow with the dataset."""

    def __init__(self, folder: Path, description: Description) -> None:
        self.folder, self._description = folder, description

    @classmethod
    def open(cls, folder: Path) -> Dataset:
        """The dataset of an artifact folder; a DataError when it holds none."""
        path = Path(folder) / DESCRIPTION
        try:
            return cls(Path(folder), msgspec.json.decode(path.read_bytes(), type=Description))
        except (OSError, msgspec.MsgspecError) as error:
            raise DataError(
                f"not a dataset: {error}", where=str(path), hint="modelworks run --until prepare"
            ) from error

    @property
    def id(self) -> str:
        """Content digest (64 hexadecimal digits) over inputs, targets, splits and metadata; time is not part of it."""
        return self._description.id

    @property
    def version(self) -> int:
        """Lance version of the table."""
        return self._description.version

    @property
    def input(self) -> str:
        """Name of the kind of the inputs."""
        return self._description.input

    @property
    def target(self) -> str:
        """Name of the kind of the targets."""
        return self._description.target

    @property
    def labels(self) -> tuple[str, ...]:
        """Sorted inventory of the training split."""
        return self._description.labels

    @property
    def splits(self) -> dict[str, int]:
        """Split -> number of examples."""
        return dict(self._description.splits)

    @property
    def licences(self) -> tuple[dict[str, str], ...]:
        """What is known of the rights: plain dicts {what, licence, source}."""
        return self._description.licences

    @property
    def validation(self) -> dict[str, Any]:
        """The validation report as plain data; empty when there is none."""
        path = self.folder / VALIDATION
        return dict(msgspec.json.decode(path.read_bytes())) if path.is_file() else {}

    def examples(self, split: str) -> Iterator[Example]:
        """The examples of a split, in the order of the source files."""
        if split not in self._description.splits:
            raise DataError("there is no such split", where=str(self.folder), seen=split, allowed=list(self.splits))
        return rows.read(self.folder / TABLE, self.input, self.target, split, self._batch())

    def _batch(self) -> int:
        """Rows a batch: about 8 MiB of inputs."""
        average = self._description.bytes / max(sum(self._description.splits.values()), 1)
        return int(min(max(8 * 2**20 / max(average, 1), 8), 4096))


def create(
    folder: Path,
    examples: Iterable[Example],
    *,
    input: str,
    target: str,
    validation: Mapping[str, Any] | None = None,
    licences: Iterable[Mapping[str, str]] = (),
) -> Dataset:
    """Write a dataset artifact into `folder` from examples that carry their split, streaming.

    The same examples in any order, at any time, give the same `id`."""
    tally = _Tally()
    folder.mkdir(parents=True, exist_ok=True)
    version = rows.write(folder / TABLE, tally.watch(examples), input, target)
    description = Description(
        id=tally.digest(input, target), version=version, input=input, target=target,
        labels=tuple(sorted(tally.labels)), splits=tally.splits, bytes=tally.bytes,
        licences=tuple(dict(licence) for licence in licences),
    )  # fmt: skip
    files.write_bytes(folder / DESCRIPTION, msgspec.json.format(msgspec.json.encode(description), indent=2))
    files.write_bytes(folder / VALIDATION, msgspec.json.format(msgspec.json.encode(validation or {}), indent=2))
    return Dataset(folder, description)


class _Tally:
    """Counts and digests examples as they pass."""

    def __init__(self) -> None:
        self.labels: set[str] = set()
        self.splits = dict.fromkeys(SPLITS, 0)
        self.bytes = 0
        self._digests: list[bytes] = []

    def watch(self, examples: Iterable[Example]) -> Iterator[Example]:
        for example in examples:
            if example.split not in self.splits:
                raise DataError("an example has no split", where=example.where, seen=example.split, allowed=SPLITS)
            self.splits[example.split] += 1
            self.bytes += example.input.size()
            if example.split == "train" and example.target is not None:
                self.labels.update(example.target.labels())
            self._digests.append(rows.digest(example))
            yield example

    def digest(self, input: str, target: str) -> str:
        total = hashlib.sha256(f"modelworks:dataset:v1\0{input}\0{target}\0".encode())
        for one in sorted(self._digests):
            total.update(one)
        return total.hexdigest()
