"""Labelled files as one file of another format, checked as the step `prepare` checks them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelworks.contracts import format as contract
from modelworks.contracts.format import Format
from modelworks.contracts.task import Task
from modelworks.core import registry
from modelworks.core.errors import DataError
from modelworks.core.progress import Progress
from modelworks.kinds import Example
from modelworks.stages.prepare.run import inspect
from modelworks.stages.prepare.sources import Sources


def convert(task: Task, data: dict[str, Any], folder: Path, to: Path | None, progress: Progress) -> dict[str, Any]:
    """Check the files that `data` names; write every usable example to `to` unless it is None.

    Returns the validation report with `written`, the number of examples in the new file."""
    sources = Sources(task, data, folder)
    writer = _writer(to) if to is not None else None
    found = inspect(task, sources, data, progress)
    written = len(found.facts) if to is not None else 0
    if to is not None and writer is not None and writer.write is not None:
        writer.write(to, _usable(sources, found.usable))
    return {**found.validation, "written": written}


def _usable(sources: Sources, usable: list[bool]) -> Iterator[Example]:
    for good, one in zip(usable, sources, strict=True):
        if good and isinstance(one, Example):
            yield one


def _writer(path: Path) -> Format:
    known = [contract.find(name) for name in registry.names(contract.PACKAGE)]
    writers = [form for form in known if form.write is not None]
    for form in writers:
        if path.suffix.lower() in form.suffixes:
            return form
    suffixes = [suffix for form in writers for suffix in form.suffixes]
    raise DataError("no format is written under this name", where=str(path), seen=path.suffix, allowed=suffixes)
