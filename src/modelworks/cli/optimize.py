"""`modelworks optimize`: variants of a bundle, measured here."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import click

from modelworks.cli._labelled import COLUMNS, FORMAT


@click.command()
@click.argument("bundle", metavar="BUNDLE")
@click.option("--data", "files", multiple=True, required=True, metavar="FILES", help="Labelled files to check against.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the winner and the figures.")
@click.option(
    "--for", "aim", default="latency", show_default=True, type=click.Choice(["latency", "throughput", "size"])
)
@click.option("--keep", default="99%", show_default=True, help="Share of the metric that a variant must keep.")
@click.option("--variant", "variants", multiple=True, metavar="NAME", help="Only these variants.")
@click.option("--json", "as_json", is_flag=True, help="Print plain data.")
@FORMAT
@COLUMNS
def command(
    bundle: str, files: tuple[str, ...], out: Path, aim: Any, keep: str, variants: tuple[str, ...], as_json: bool,
    form: str | None, columns: tuple[str, ...],
) -> None:  # fmt: skip
    """Build and measure variants of a bundle; keep the best.

    BUNDLE is a folder, a .zip, a channel such as champion, or the beginning of an id. The winner is written to
    OUT/bundle, the figures to OUT/measurements.json and OUT/pareto.svg.
    """
    from modelworks.bundle import archive, open_manifest
    from modelworks.cli import _show
    from modelworks.cli._bundles import resolve
    from modelworks.cli._labelled import reader
    from modelworks.contracts import task as tasks
    from modelworks.core.config import Optimize
    from modelworks.core.errors import ConfigError
    from modelworks.stages.optimize import optimize

    if out.exists() and any(out.iterdir()):
        raise ConfigError("the folder is not empty", where="--out", seen=str(out), allowed="a new or empty folder")
    settings = Optimize(keep=keep, for_=aim, variants=variants or None)
    with archive.opened(resolve(bundle)) as folder, tempfile.TemporaryDirectory() as scratch:
        task = tasks.find(open_manifest(folder).task)
        out.mkdir(parents=True, exist_ok=True)
        with _show.progress() as shown:
            examples = reader(task, files, form, columns)()
            outcome = optimize(folder, out, Path(scratch), task, examples, settings, shown)
    facts = {**outcome.facts(), "out": str(out)}
    click.echo(json.dumps(facts) if as_json else f"{table(outcome.rows)}\n\n{outcome.words}\n{out / 'bundle'}")


def table(rows: list[dict[str, Any]]) -> str:
    """The variants as a table; `→` marks the chosen one."""
    from modelworks.cli import _show

    header = ["", "variant", "MB", "load s", "p50 ms", "p95 ms", "per s", "RAM MB", "metric", "kept", "why"]
    return _show.table(header, [_row(row) for row in rows])


def _row(row: dict[str, Any]) -> list[Any]:
    names = ("load_s", "p50_ms", "p95_ms", "throughput", "memory_mb", "metric", "kept")
    size = row["size"] / 1e6 if row.get("size") else None
    return ["→" if row.get("chosen") else "", row["variant"], size, *(row.get(name) for name in names), row["why"]]
