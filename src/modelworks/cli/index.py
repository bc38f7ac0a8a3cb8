"""`modelworks index`: make a collection of documents that a retriever searches, and add to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from modelworks.kinds import Example

FILES = click.argument("files", nargs=-1, required=True, metavar="FILES…")
FORMAT = click.option("--format", "form", help="Name of the files' format, where it cannot be guessed.")
SKIP = click.option("--skip-bad", is_flag=True, help="Leave bad documents out, and count them.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print plain data.")


class _Default(click.Group):
    """`index BUNDLE …` is `index make BUNDLE …`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["make", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Default)
def command() -> None:
    """Make a collection that a retriever searches, or add to it.

    `modelworks index BUNDLE FILES… -o FOLDER` makes one. FILES are SQuAD, TREC or BEIR files, tables or JSON lines with
    a text column, or texts (.txt, .md: a document a file). Search it with --attach collection=FOLDER.
    """


@command.command()
@click.argument("bundle")
@FILES
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder of the collection.")
@click.option("--stemmer", default="english", show_default=True, help="Language of word endings; none for none.")
@click.option("--precision", default="float16", show_default=True, type=click.Choice(["float16", "float32"]))
@FORMAT
@SKIP
@JSON
def make(
    bundle: str, files: tuple[str, ...], output: Path, stemmer: str, precision: str, form: str | None, skip_bad: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Make a collection of the documents in FILES, in an empty folder."""
    from modelworks.bundle import Encoder, archive, indexing
    from modelworks.cli import _show
    from modelworks.cli._bundles import resolve

    documents = _Documents(files, form, skip_bad)
    with archive.opened(resolve(bundle)) as folder, _show.progress() as progress:
        language = "" if stemmer == "none" else stemmer
        indexing.create(
            output, Encoder.open(folder), documents, stemmer=language, dtype=precision, progress=progress
        )  # fmt: skip
    _tell(output, documents.bad, as_json)


@command.command()
@click.argument("bundle")
@click.argument("collection", type=click.Path(path_type=Path))
@FILES
@FORMAT
@SKIP
@JSON
def add(bundle: str, collection: Path, files: tuple[str, ...], form: str | None, skip_bad: bool, as_json: bool) -> None:
    """Add the documents in FILES to a COLLECTION, with the bundle that made it."""
    from modelworks.bundle import Encoder, archive, indexing
    from modelworks.cli import _show
    from modelworks.cli._bundles import resolve

    documents = _Documents(files, form, skip_bad)
    with archive.opened(resolve(bundle)) as folder, _show.progress() as progress:
        indexing.add(collection, Encoder.open(folder), documents, progress=progress)
    _tell(collection, documents.bad, as_json)


@command.command()
@click.argument("collection", type=click.Path(path_type=Path))
@JSON
def verify(collection: Path, as_json: bool) -> None:
    """Check that every file of a COLLECTION is as it was written."""
    from modelworks.bundle import collection as collections

    collections.verify(collection)
    _tell(collection, 0, as_json)


class _Documents:
    """The documents of some files, and how many were bad."""

    def __init__(self, files: tuple[str, ...], form: str | None, skip_bad: bool) -> None:
        self._files, self._form, self._skip, self.bad = files, form, skip_bad, 0

    def __iter__(self) -> Iterator[Example]:
        from modelworks.contracts import format as formats
        from modelworks.contracts.format import Bad, Reading
        from modelworks.core.errors import DataError
        from modelworks.formats import detect

        reading = Reading(input="document", target="")
        for path in map(Path, self._files):
            if not path.exists():
                raise DataError("there is no such file", where=str(path))
            known = formats.find(self._form) if self._form else detect(path, ("prose", "squad", "trec", "beir"))
            for one in known.read(path, reading):
                if not isinstance(one, Bad):
                    yield one
                elif self._skip:
                    self.bad += 1
                else:
                    raise DataError(one.message, where=one.where, seen=one.seen or None, allowed=one.allowed)


def _tell(folder: Path, bad: int, as_json: bool) -> None:
    import json

    from modelworks.bundle import collection as collections

    found = collections.read(folder)
    facts: dict[str, Any] = {
        "collection": str(folder), "id": found.id, "documents": sum(part.documents for part in found.segments),
        "passages": sum(part.passages for part in found.segments), "segments": len(found.segments), "bad": bad,
        "bytes": sum(file.bytes for part in found.segments for file in part.files.values()),
    }  # fmt: skip
    left = f", {bad} bad ones left out" if bad else ""
    said = (
        f"{facts['documents']} documents, {facts['passages']} passages, {facts['bytes'] / 1e6:.1f} MB in {folder}{left}"
    )
    click.echo(json.dumps(facts) if as_json else said)
