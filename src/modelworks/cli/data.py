"""`modelworks data`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.group()
def command() -> None:
    """Import, show or compare datasets."""


@command.command(name="import")
@click.argument("files", nargs=-1, required=True)
@click.option("--task", help="A task's name or alias (default: that of the project here).")
@click.option(
    "--to", type=click.Path(path_type=Path), help="File to write (.jsonl, .csv, .tsv, .conll); else only checked."
)
@click.option("--format", "name", help="Format of the files (default: guessed).")
@click.option("--column", "columns", multiple=True, metavar="FIELD=COLUMN", help="A field's column; may be repeated.")
@click.option("--skip-bad", is_flag=True, help="Leave out what cannot be used, counted and listed.")
@click.option("--force", is_flag=True, help="Replace a file that is already there.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def import_(
    files: tuple[str, ...], task: str | None, to: Path | None, name: str | None, columns: tuple[str, ...],
    skip_bad: bool, force: bool, as_json: bool,
) -> int:  # fmt: skip
    """Check labelled files as a run would, and convert them to one file."""
    from modelworks.cli import _show
    from modelworks.cli._labelled import column
    from modelworks.contracts import task as contract
    from modelworks.core import config
    from modelworks.core.errors import ConfigError
    from modelworks.stages.prepare import convert

    if to is not None and to.exists() and not force:
        raise ConfigError("the file is there already", where=str(to), hint="name another, or add --force")
    found = contract.find(task or config.load_project(config.find_project()).task)
    data = {
        "source": list(files), "format": name, "skip_bad": skip_bad, "dev": 0.1, "test": 0.2,
        "columns": dict(map(column, columns)),
    }  # fmt: skip
    with _show.progress() as progress:
        validation = convert(found, data, Path.cwd(), to, progress)
    if as_json:
        click.echo(json.dumps({"wrote": str(to) if to else None, "validation": validation}, ensure_ascii=False))
        return 0
    click.echo(_report(validation))
    click.echo(f"Wrote {validation['written']} examples to {to}" if to else "Nothing written (no --to).")
    return 0


@command.command()
@click.argument("version", default="latest")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def show(version: str, as_json: bool) -> int:
    """The versions of this project's dataset, and one of them: counts, balance, columns, problems.

    VERSION is a number, the beginning of an id, `latest` or `previous`."""
    import msgspec

    from modelworks.cli import _show
    from modelworks.core import config
    from modelworks.dataset import history

    project = config.find_project()
    dataset = history.find(project, version)
    versions = history.versions(project)
    if as_json:
        plain = {"id": dataset.id, "splits": dataset.splits, "labels": list(dataset.labels),
                 "licences": list(dataset.licences), "validation": dataset.validation}  # fmt: skip
        click.echo(json.dumps({"versions": msgspec.to_builtins(versions), "shown": plain}, ensure_ascii=False))
        return 0
    rows = [(v.number, v.id[:12], v.date, *(v.splits[s] for s in ("train", "dev", "test")), v.labels) for v in versions]
    click.echo(_show.table(("version", "id", "made (UTC)", "train", "dev", "test", "labels"), rows))
    click.echo(f"\n{dataset.id[:12]}: {dataset.input} → {dataset.target}")
    click.echo(_report(dataset.validation))
    for licence in dataset.licences:
        click.echo(f"licence of {licence['what']}: {licence['licence']}")
    return 0


@command.command()
@click.argument("old", default="previous")
@click.argument("new", default="latest")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def diff(old: str, new: str, as_json: bool) -> int:
    """What changed from one version of the dataset to another (default: the last two).

    OLD and NEW are numbers, beginnings of ids, `latest` or `previous`."""
    import msgspec

    from modelworks.core import config
    from modelworks.dataset import difference, history

    project = config.find_project()
    found = difference.diff(history.find(project, old), history.find(project, new))
    plain = msgspec.to_builtins(found)
    click.echo(json.dumps(plain, ensure_ascii=False) if as_json else _changes(plain))
    return 0


def _report(validation: dict[str, Any]) -> str:
    """A validation report as text."""
    from modelworks.cli import _show

    if not validation:
        return "There is no validation report."
    labels = validation["labels"]
    names = sorted({name for counts in labels.values() for name in counts})
    rows = [(name, *(labels[split].get(name, 0) for split in ("train", "dev", "test"))) for name in names]
    lines = [_source(source) for source in validation["sources"]]
    lines += [f"{validation['kept']} of {validation['examples']} examples, split: {validation['split']}", ""]
    lines += [
        _show.table(("label", "train", "dev", "test"), [*rows, ("(examples)", *validation["splits"].values())]),
        "",
    ]
    lines += [f"note: {note}" for note in validation["notes"]] or ["no problems found"]
    lines += [f"  {bad['where']}: {bad['message']} {bad['seen']}".rstrip() for bad in validation["bad"][:5]]
    lines += [f"  different labels: {', '.join(places)}" for places in validation["conflicts"][:5]]
    return "\n".join(lines)


def _source(source: dict[str, Any]) -> str:
    columns = ", ".join(f"{field} ← {column}" for field, column in source["columns"].items())
    return f"{source['path']} ({source['format']}{'; ' + columns if columns else ''})"


def _changes(plain: dict[str, Any]) -> str:
    from modelworks.cli import _show

    lines = [
        f"{plain['old'][:12]} → {plain['new'][:12]}",
        f"{plain['added']} added, {plain['removed']} removed, {plain['relabelled']} labelled otherwise, "
        f"{plain['moved']} in another split",
        "",
        _show.table(("split", "old", "new"), [(name, *pair) for name, pair in plain["splits"].items()]),
        "",
        _show.table(("label", "old", "new"), [(name, *pair) for name, pair in plain["labels"].items()]),
    ]
    for title, key in (("added", "added_where"), ("removed", "removed_where")):
        lines += [f"{title}: {where}" for where in plain[key][:5]]
    lines += [f"{c['where']}: {json.dumps(c['old'])} → {json.dumps(c['new'])}" for c in plain["changes"][:5]]
    return "\n".join(lines)
