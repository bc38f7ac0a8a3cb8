"""`modelworks init`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("task")
@click.option("--data", "data", multiple=True, required=True, metavar="FILES", help="Labelled files, folders or globs.")
@click.option("--name", help="Name of the project (default: that of the folder).")
@click.option("--model", help="`compact`, a hub id, a folder, or package:NAME.")
@click.option("--force", is_flag=True, help="Replace a modelworks.yaml that is already there.")
@click.option("--json", "as_json", is_flag=True, help="Print what was seen and written as JSON.")
@click.argument("more", nargs=-1)
def command(
    task: str,
    data: tuple[str, ...],
    name: str | None,
    model: str | None,
    force: bool,
    as_json: bool,
    more: tuple[str, ...],
) -> int:
    """Look at labelled data and write a commented modelworks.yaml.

    TASK is a task's name or alias (`modelworks tasks`). Files after --data may be many: --data a.csv b.csv."""
    import msgspec

    from modelworks.contracts import task as contract
    from modelworks.core import config, files
    from modelworks.core.errors import ConfigError
    from modelworks.stages import prepare

    project = Path.cwd()
    if (project / config.FILE).exists() and not force:
        raise ConfigError(
            f"there is a {config.FILE} here already", where=str(project), hint="modelworks init --force …"
        )
    found = contract.find(task)
    given = [*data, *more]
    look = prepare.look(found.name, given, project)
    text = _yaml(name or _name(project), found, given, look, model)
    config.parse_project(text)
    files.write_bytes(project / config.FILE, text.encode())
    _ignore(project)
    seen = msgspec.to_builtins(look)
    click.echo(json.dumps({"wrote": config.FILE, "seen": seen}) if as_json else _words(seen))
    return 0


def _name(folder: Path) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", folder.name.lower()).strip("-") or "project"


def _yaml(name: str, task: Any, given: list[str], look: Any, model: str | None) -> str:
    source = json.dumps(given[0] if len(given) == 1 else given, ensure_ascii=False)
    columns = json.dumps(look.columns, ensure_ascii=False) if look.columns else "{}"
    primary = task.metrics[0]
    return f"""\
# Modelworks project. Every key with its meaning: docs/configuration.md
name: {name}
task: {task.name}

data:
  source: {source}
  format: {look.format}          # seen: {look.examples} examples
  columns: {columns}          # field of the task -> column of the file
  split: stratified     # or: random, group, time
  dev: 0.1              # share (or files) that early stopping and choices look at
  test: 0.2             # share (or files) that scores and the gate look at

train:
  model: {model or "compact"}        # or a hub id, a folder, package:NAME of pretrained weights
  budget: 15m           # wall-clock limit
  seed: 0
  # tune: {{trials: 20}}  # search of hyper-parameters within the budget

optimize:
  keep: 99%             # share of the dev score a faster variant must keep
  for: latency          # or: throughput, size

gate:
  # {primary}: ">= 0.80"   # a threshold on the test score
  champion: no worse    # than what is released now, by a paired test

serve:
  port: 8080
"""


def _ignore(project: Path) -> None:
    """Keep the working folder out of Git, when the project is in Git."""
    path = project / ".gitignore"
    lines = path.read_text().splitlines() if path.exists() else []
    if ".modelworks/" not in lines:
        path.write_text("\n".join([*lines, ".modelworks/", ""]))


def _words(seen: dict[str, Any]) -> str:
    labels = seen.get("labels") or []
    shown = ", ".join(map(str, labels[:12])) + (f" and {len(labels) - 12} more" if len(labels) > 12 else "")
    return "\n".join(
        [
            f"{seen['examples']} examples of format {seen['format']}; labels: {shown}",
            *(f"  {field} ← column {column!r}" for field, column in (seen.get("columns") or {}).items()),
            "Wrote modelworks.yaml. Next: modelworks run",
        ]
    )
