"""`modelworks predict`: ask a bundle on this machine, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelworks.cli._attach import ATTACH, attached

if TYPE_CHECKING:
    from modelworks.bundle import Predictor
    from modelworks.kinds import Kind


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="TEXT|FILE…")
@click.option("--bundle", default="champion", show_default=True, help="Folder, .zip, channel, or start of an id.")
@click.option("--task", help="Ask the starter of a task instead: a bundle that needs no training.")
@ATTACH
@click.option("--with", "more", multiple=True, metavar="FIELD=JSON", help="A further field of each input.")
@click.option("--stream", is_flag=True, help="Show an answer while it is written.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line an input: the bytes that the server gives.")
def command(
    inputs: tuple[str, ...], bundle: str, task: str | None, attach: tuple[str, ...], more: tuple[str, ...],
    stream: bool, as_json: bool,
) -> None:  # fmt: skip
    """Ask a bundle about texts or files.

    For a model of texts each argument is a text; for one of pictures a file; for others JSON. `-` reads standard
    input: a text or JSON a line, or the bytes of one picture.
    """
    from modelworks import kinds
    from modelworks.bundle import Predictor
    from modelworks.cli import _inputs

    predictor = Predictor.open(_bundle(bundle, task), attach=attached(attach))
    shown, values = _inputs.read(inputs, predictor.manifest.input, more)
    if stream:
        for value in values:
            _write(predictor, value)
        return
    predictions = predictor.predict(values)
    if as_json:
        click.echo("\n".join(kinds.encode(prediction).decode() for prediction in predictions))
    else:
        _draw(shown, predictions)


def _bundle(bundle: str, task: str | None) -> Path:
    from modelworks import starters
    from modelworks.cli import _show
    from modelworks.cli._bundles import resolve

    if task is None:
        return resolve(bundle)
    with _show.progress() as progress:
        return starters.of_task(task, progress)


def _write(predictor: Predictor, value: Kind) -> None:
    """Pieces as they come; the whole answer of a program that has none."""
    from modelworks.kinds import Kind

    written = False
    for piece in predictor.stream(value):
        if not isinstance(piece, Kind):
            written = True
            click.echo(piece.get("text", "") if isinstance(piece, dict) else piece, nl=False)
        elif not written:
            click.echo(piece.as_text(), nl=False)
    click.echo()


def _draw(shown: list[str], predictions: list[Kind]) -> None:
    """A table a person can read."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("input", "prediction", "score"):
        table.add_column(name, overflow="fold", justify="right" if name == "score" else "left")
    for text, prediction in zip(shown, predictions, strict=True):
        for number, (found, score) in enumerate(prediction.rows()):
            table.add_row(_short(text) if number == 0 else "", found, "" if score is None else f"{score:.3f}")
    Console(highlight=False, markup=False).print(table)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"
