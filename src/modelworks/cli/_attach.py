"""The option `--attach NAME=PATH`: collections that a bundle searches and does not hold."""

from __future__ import annotations

from pathlib import Path

import click

from modelworks.core.errors import ConfigError

ATTACH = click.option(
    "--attach", multiple=True, metavar="NAME=PATH", help="Folder of a collection to search (modelworks index)."
)


def attached(given: tuple[str, ...]) -> dict[str, Path]:
    """Name -> folder; a bare path is the collection."""
    found = {}
    for text in given:
        name, mark, path = text.partition("=")
        name, path = (name, path) if mark else ("collection", text)
        if not Path(path).is_dir():
            raise ConfigError("there is no such folder", where="--attach", seen=path, allowed="NAME=FOLDER")
        found[name] = Path(path)
    return found
