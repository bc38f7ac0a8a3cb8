"""`modelworks predict`: ask a bundle on this machine, without a server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="TEXT|FILE…")
@click.option("--bundle", default="champion", show_default=True, help="Folder, .zip, channel, or start of an id.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line an input: the bytes that the server gives.")
def command(inputs: tuple[str, ...], bundle: str, as_json: bool) -> None:
    """Ask a bundle about texts or files.

    For a model of texts each argument is a text; for one of pictures a file. `-` reads standard input: a text a line,
    or the bytes of one picture.
    """
    from modelworks import kinds
    from modelworks.bundle import Predictor
    from modelworks.cli._bundles import resolve

    predictor = Predictor.open(resolve(bundle))
    shown, values = _values(inputs, predictor.manifest.input)
    predictions = predictor.predict(values)
    if as_json:
        click.echo("\n".join(kinds.encode(prediction).decode() for prediction in predictions))
    else:
        _draw(shown, predictions)


def _values(inputs: tuple[str, ...], kind: str) -> tuple[list[str], list[Any]]:
    """(what to call each input, the inputs)."""
    from modelworks.kinds import Image, Text

    if kind == "text":
        texts = [line for given in inputs for line in (_lines() if given == "-" else [given])]
        return texts, [Text(text) for text in texts]
    return list(inputs), [Image(_bytes(given)) for given in inputs]


def _lines() -> list[str]:
    from modelworks.core.errors import DataError

    try:
        return [line for line in sys.stdin.buffer.read().decode("utf-8").splitlines() if line]
    except UnicodeDecodeError as error:
        raise DataError("standard input is not UTF-8", where=f"byte {error.start}") from error


def _bytes(given: str) -> bytes:
    from modelworks.core.errors import DataError

    if given == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(given).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read: {error.strerror}", where=given) from error


def _draw(shown: list[str], predictions: list[Any]) -> None:
    """A table a person can read."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("input", "prediction", "score"):
        table.add_column(name, overflow="fold", justify="right" if name == "score" else "left")
    for text, prediction in zip(shown, predictions, strict=True):
        found = _answers(prediction)
        for number, (label, score) in enumerate(found):
            table.add_row(_short(text) if number == 0 else "", label, score)
    Console(highlight=False, markup=False).print(table)


def _answers(prediction: Any) -> list[tuple[str, str]]:
    if hasattr(prediction, "entities"):
        rows = [(f"{e.entity_group}: {e.word}", f"{e.score:.3f}") for e in prediction.entities]
        return rows or [("(nothing found)", "")]
    if hasattr(prediction, "labels_"):
        return [(scored.label, f"{scored.score:.3f}") for scored in prediction.labels_[:3]]
    return [(repr(prediction), "")]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"
