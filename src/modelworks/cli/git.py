"""`modelworks git`: what the files of `modelworks export git` call."""

from __future__ import annotations

from pathlib import Path

import click

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Set up Git for this project, check a commit, show and merge its files."""


@command.command()
def install() -> int:
    """Tell this clone of Git to use the project's hooks, diff and merge drivers (Git lets no repository do so itself).

    Run it once in every clone, after `modelworks export git`."""
    from modelworks.adapters.git import commit
    from modelworks.core import config

    project = config.find_project()
    prefix = commit.git(project, "rev-parse", "--show-prefix").decode().strip()
    settings = {
        "diff.modelworks.textconv": "modelworks git show",
        "merge.modelworks-lock.name": "join the releases of both sides",
        "merge.modelworks-lock.driver": "modelworks git merge %O %A %B %P",
    }
    if (project / ".githooks" / "pre-commit").is_file():
        settings["core.hooksPath"] = f"{prefix}.githooks"
    for name, value in settings.items():
        commit.git(project, "config", name, value)
        click.echo(f"git config {name} '{value}'")
    return 0


@command.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
@click.option("--max-mb", type=float, default=5.0, show_default=True, help="Largest file that may enter Git.")
def check(folder: Path, max_mb: float) -> int:
    """Check what is staged for a commit (the pre-commit hook): exit code 1 with every reason not to commit it.

    The project is valid, files made by export are fresh, no file is too large, the lock was not edited by hand."""
    from modelworks.adapters.git import commit
    from modelworks.cli import _exported
    from modelworks.core import config
    from modelworks.core.errors import ConfigError

    project = config.find_project(folder)
    found = commit.faults(project, max_mb)
    stale = [] if found else _exported.stale(project)
    if stale:
        found.append(ConfigError(
            "files made by export are stale", where=", ".join(stale), hint="modelworks export TARGET…; git add"
        ))  # fmt: skip
    for fault in found:
        click.echo(str(fault), err=True)
    return int(bool(found))


@command.command()
@click.argument("file", type=FILE)
def show(file: Path) -> int:
    """Print a dataset.json, report.json or modelworks.lock as lines that a diff can compare."""
    from modelworks.adapters.git import readable

    click.echo(readable.text(file), nl=False)
    return 0


@command.command()
@click.argument("base", type=FILE)
@click.argument("ours", type=FILE)
@click.argument("theirs", type=FILE)
@click.argument("path", type=click.Path(path_type=Path), default="modelworks.lock")
def merge(base: Path, ours: Path, theirs: Path, path: Path) -> int:
    """Merge two locks into OURS (a merge driver of Git). Exit code 1: both sides moved a channel, choose one.

    PATH is where the lock lies in the working tree."""
    from modelworks.adapters.git import merge as join
    from modelworks.core import files, lock, paths

    sides = [lock.decode(file.read_bytes() or b"{}", str(path)) for file in (base, ours, theirs)]
    merged, apart = join.merge(*sides)
    files.write_bytes(ours, lock.encode(merged))
    ledger = paths.home(path.resolve().parent) / "ledger.jsonl"
    ledger.parent.mkdir(parents=True, exist_ok=True)
    with ledger.open("ab") as stream:
        stream.write(join.entry(merged))
    for channel in apart:
        pin = merged.pin(channel)
        click.echo(
            f"{channel} was moved by both sides; it is release {pin.version if pin else '-'} now. Choose: modelworks "
            f"release promote VERSION --channel {channel}, then git add {path}", err=True,
        )  # fmt: skip
    return int(bool(apart))
