"""Labelled files given to a command, read as a project's would be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelworks.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from modelworks.contracts.format import Bad
    from modelworks.contracts.task import Task
    from modelworks.kinds import Example

FORMAT = click.option("--format", "form", help="Name of the files' format, where it cannot be guessed.")
COLUMNS = click.option("--column", "columns", multiple=True, metavar="FIELD=NAME", help="Which column holds a field.")

SKIP_BAD = click.option("--skip-bad", is_flag=True, help="Leave out examples that cannot be used, counted and listed.")
SHOWN = 5


def reader(
    task: Task, files: tuple[str, ...], form: str | None, columns: tuple[str, ...], skip_bad: bool = False
) -> Callable[[], Iterator[Example]]:
    """A function that gives the examples of the files from the start. A bad example is a DataError, or with
    `skip_bad` left out: the first reading lists them on standard error."""
    from modelworks.stages.prepare.sources import Sources

    for name in files:
        if not Path(name).exists():
            raise DataError("there is no such file", where=name)
    data: dict[str, Any] = {"source": [str(Path(name).resolve()) for name in files], "format": form}
    data["columns"] = dict(map(column, columns))
    sources = Sources(task, data, Path.cwd())

    told: list[bool] = []

    def read() -> Iterator[Example]:
        left: list[str] = []
        for one in sources:
            bad = _fault(one)
            if bad is None:
                yield one  # type: ignore[misc]  # what is no Bad is an Example
                continue
            if not skip_bad:
                raise DataError(
                    bad.message, where=bad.where, seen=bad.seen or None, allowed=bad.allowed,
                    hint="correct it, or leave such examples out (counted and listed): --skip-bad",
                )  # fmt: skip
            left.append(f"  {bad.where}: {bad.message}")
        if left and not told:
            told.append(True)
            more = [f"  and {len(left) - SHOWN} more"] if len(left) > SHOWN else []
            click.echo("\n".join([f"left out {len(left)} examples:", *left[:SHOWN], *more]), err=True)

    return read


def _fault(one: Example | Bad) -> Bad | None:
    from modelworks.contracts.format import Bad

    if isinstance(one, Bad):
        return one
    try:
        if one.target is not None:
            one.target.fits(one.input)
    except ValueError as error:
        return Bad(one.where, str(error))
    return None


def column(text: str) -> tuple[str, str]:
    """`FIELD=NAME`, taken apart."""
    field, _, name = text.partition("=")
    if not field or not name:
        raise ConfigError("not a column", where="--column", seen=text, allowed="FIELD=NAME, as text=review")
    return field, name
