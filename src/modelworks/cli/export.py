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

    Without TARGET the systems are listed; with --check, all that were exported are checked, each with the options
    that its files say. The same project gives the same bytes."""
    from modelworks.cli import _exported, _targets
    from modelworks.contracts import target as contract
    from modelworks.core import config, registry

    known = (contract.find(name) for name in targets or registry.names(contract.PACKAGE))
    if not targets and not check:
        return _list(list(known), as_json)
    project = config.find_project()
    _targets.check_options(config.load_project(project))
    folder = out or project
    chosen = [target for target in known if targets or _exported.options(project, folder, target) is not None]
    given = {target.name: options for target in chosen}
    if check and not options:
        given = {target.name: _exported.options(project, folder, target) or () for target in chosen}
    made = [(target, _exported.files(project, target, given[target.name])) for target in chosen]
    _something(made)
    states = {file.path: _exported.state(folder / file.path, file, target) for target, all_ in made for file in all_}
    if not check:
        _refuse([path for path, state in states.items() if state == "not ours" and not force])
        for target, all_ in made:
            for file in all_:
                _exported.write(folder / file.path, file, target)
    _tell(made, states, check, as_json)
    return int(check and any(state != "fresh" for state in states.values()))


def _something(made: list[tuple[Target, tuple[File, ...]]]) -> None:
    from modelworks.core import config
    from modelworks.core.errors import ConfigError

    for target, files in made:
        if not files:
            raise ConfigError(
                f"{target.name} has nothing to write for this project", where=config.FILE, hint=target.needs
            )


def _refuse(paths: list[str]) -> None:
    from modelworks.core.errors import ConfigError

    if paths:
        raise ConfigError(
            "a file is in the way that export did not make", where=paths[0], seen=paths,
            hint="move it, or write over it with --force",
        )  # fmt: skip


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
