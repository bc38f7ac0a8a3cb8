"""Labelled files given to a command, read as a project's would be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelworks.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from modelworks.contracts.task import Task
    from modelworks.kinds import Example

FORMAT = click.option("--format", "form", help="Name of the files' format, where it cannot be guessed.")
COLUMNS = click.option("--column", "columns", multiple=True, metavar="FIELD=NAME", help="Which column holds a field.")


def reader(
    task: Task, files: tuple[str, ...], form: str | None, columns: tuple[str, ...]
) -> Callable[[], Iterator[Example]]:
    """A function that gives the examples of the files from the start. A bad example is a DataError."""
    from modelworks.stages.prepare.sources import Sources

    for name in files:
        if not Path(name).exists():
            raise DataError("there is no such file", where=name)
    data: dict[str, Any] = {"source": [str(Path(name).resolve()) for name in files], "format": form}
    data["columns"] = dict(_pair(text) for text in columns)
    sources = Sources(task, data, Path.cwd())

    def read() -> Iterator[Example]:
        from modelworks.contracts.format import Bad

        for one in sources:
            if isinstance(one, Bad):
                raise DataError(one.message, where=one.where, seen=one.seen or None, allowed=one.allowed)
            yield one

    return read


def _pair(text: str) -> tuple[str, str]:
    field, mark, column = text.partition("=")
    if not mark:
        raise ConfigError("not a column", where="--column", seen=text, allowed="FIELD=NAME")
    return field, column
