"""The versions of a project's dataset: the dataset artifacts in its store, oldest first."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from modelworks.core import paths
from modelworks.core.errors import DataError
from modelworks.dataset.dataset import DESCRIPTION, Dataset


class Version(Struct, frozen=True, kw_only=True):
    """One dataset artifact of a project."""

    number: int
    """From 1, oldest first."""
    id: str
    date: str
    """UTC, ISO 8601, seconds."""
    splits: dict[str, int]
    labels: int
    folder: str


def versions(project: Path) -> list[Version]:
    """All dataset artifacts in the project's store, oldest first; a content that was made twice counts once."""
    found: dict[str, tuple[float, Dataset]] = {}
    for path in paths.store(project).glob(f"*/*/{DESCRIPTION}"):
        dataset, made = Dataset.open(path.parent), path.stat().st_mtime
        if dataset.id not in found or made < found[dataset.id][0]:
            found[dataset.id] = (made, dataset)
    ordered = sorted(found.values(), key=lambda pair: (pair[0], pair[1].id))
    return [_version(number, made, dataset) for number, (made, dataset) in enumerate(ordered, 1)]


def find(project: Path, name: str) -> Dataset:
    """The version a number, `latest`, `previous`, or the beginning of an id names; a DataError when none or several."""
    known = versions(project)
    matches = [v for v in known if str(v.number) == name] or [
        v for v in known if len(name) > 3 and v.id.startswith(name)
    ]
    if name in ("latest", "previous") and len(known) > (name == "previous"):
        matches = [known[-1 if name == "latest" else -2]]
    if len(matches) != 1:
        raise DataError(
            "no version, or more than one, has this name", where=str(paths.store(project)), seen=name,
            allowed=[f"{v.number} ({v.id[:12]})" for v in known] or "none yet", hint="modelworks data show",
        )  # fmt: skip
    return Dataset.open(Path(matches[0].folder))


def _version(number: int, made: float, dataset: Dataset) -> Version:
    date = datetime.fromtimestamp(made, UTC).isoformat(timespec="seconds")
    return Version(
        number=number, id=dataset.id, date=date, splits=dataset.splits, labels=len(dataset.labels),
        folder=str(dataset.folder),
    )  # fmt: skip
