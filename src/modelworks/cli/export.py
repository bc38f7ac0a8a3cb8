"""`modelworks export`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from modelworks.contracts.target import File, Target


@click.command()
@click.argument("targets", nargs=-1, metavar="TARGET…")
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 when a file is missing or stale.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder to write into (the project's).")
@click.option("--set", "options", metavar="KEY=VALUE", multiple=True, help="An option of the target.")
@click.option("--force", is_flag=True, help="Write over files that were not made by export.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(
    targets: tuple[str, ...], check: bool, out: Path | None, options: tuple[str, ...], force: bool, as_json: bool
) -> int:
    """Write the files with which other systems run this project.

    Without TARGET the systems are listed. The same project gives the same bytes."""
    from modelworks.cli import _targets
    from modelworks.contracts import target as contract
    from modelworks.core import config, registry

    if not targets:
        return _list([contract.find(name) for name in registry.names(contract.PACKAGE)], as_json)
    project = config.find_project()
    _targets.check_options(config.load_project(project))
    made = [
        (target, target.files(_targets.facts(project, target.name, target.options, options)))
        for target in map(contract.find, targets)
    ]
    folder = out or project
    states = {file.path: _state(folder / file.path, file) for _, files in made for file in files}
    if not check:
        _refuse([path for path, state in states.items() if state == "not ours" and not force])
        for _, files in made:
            for file in files:
                _write(folder / file.path, file)
    _tell(made, states, check, as_json)
    return int(check and any(state != "fresh" for state in states.values()))


def _state(path: Path, file: File) -> str:
    """`new`, `fresh`, `stale`, or `not ours`."""
    from modelworks.contracts.target import MARK

    if not path.is_file():
        return "new"
    text = path.read_text("utf-8", "replace")
    if text == file.text:
        return "fresh"
    return "stale" if MARK in text or MARK not in file.text else "not ours"


def _refuse(paths: list[str]) -> None:
    from modelworks.core.errors import ConfigError

    if paths:
        raise ConfigError(
            "a file is in the way that export did not make", where=paths[0], seen=paths,
            hint="move it, or write over it with --force",
        )  # fmt: skip


def _write(path: Path, file: File) -> None:
    from modelworks.core import files

    files.write_bytes(path, file.text.encode())
    if file.executable:
        path.chmod(0o755)


def _list(found: list[Target], as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps([{"name": t.name, "summary": t.summary, "options": dict(t.options)} for t in found]))
    for target in () if as_json else found:
        click.echo(f"{target.name:12} {target.summary}")
    return 0


def _tell(made: list[tuple[Target, tuple[File, ...]]], states: dict[str, str], check: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"files": states, "written": not check}))
        return
    for target, files in made:
        for file in files:
            click.echo(f"{states[file.path]:9} {file.path}")
        if target.next_ and not check:
            click.echo(f"Next: {target.next_}")
