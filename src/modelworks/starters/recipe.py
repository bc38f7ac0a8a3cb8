"""A recipe `<name>.json`: how a starter is built from the files of an installed package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from modelworks.bundle import Draft, Interpreter, record_selftest, write
from modelworks.bundle.manifest import Licence, Runtime
from modelworks.bundle.sessions import interpreter
from modelworks.contracts import task as tasks
from modelworks.contracts.body import Body
from modelworks.contracts.family import Graph, Resource
from modelworks.core import packages, registry
from modelworks.core.files import link_or_copy
from modelworks.kinds import decode
from modelworks.starters.delta import restore


class Weights(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The package that the files come from."""

    package: str
    """On the package index."""
    version: str
    root: str
    """Folder inside the package that holds the files."""
    files: dict[str, str]
    """File below `root` -> SHA-256."""
    licence: str
    source: str
    """Where the weights were published."""
    bytes: int = 0
    """Of the files."""


class Delta(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An archive beside the recipe (starters/delta.py): what the bundle differs in from the weights."""

    file: str
    sha256: str
    licence: str
    """Of what it was learnt from."""


class Recipe(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One of `build`, `delta`, or a bundle put together from the files as they are (`body` and what follows)."""

    task: str
    weights: Weights
    build: str | None = None
    """`package.module:function` of this distribution, called with (folder of the weights, empty folder for the
    bundle): for weights that have to be turned into a graph first."""
    delta: Delta | None = None
    """For weights that were trained further."""
    body: Body | None = None
    graphs: tuple[Graph, ...] = ()
    resources: tuple[Resource, ...] = ()
    labels: tuple[str, ...] = ()
    runtime: dict[str, Any] = {}
    place: dict[str, str] = {}
    """File of the bundle <- file below the weights' `root`."""
    write: dict[str, Any] = {}
    """File of the bundle <- its JSON content (small resources)."""
    tried: tuple[dict[str, Any], ...] = ()
    """Inputs of the self-test."""


def make(name: str, recipe: Recipe, folder: Path, beside: Path) -> None:
    """Build the bundle of a recipe, whose own folder is `beside`, into an empty one; the package's files are checked
    first."""
    weights = recipe.weights
    root = packages.checked(weights.package, weights.root, weights.files, where=f"starter {name}")
    if recipe.build is not None:
        registry.load(recipe.build)(root, folder)
        return
    if recipe.delta is not None:
        restore(beside / recipe.delta.file, root, folder)
        return
    _place(recipe.place, root, folder)
    for relative, content in recipe.write.items():
        (folder / relative).parent.mkdir(parents=True, exist_ok=True)
        (folder / relative).write_bytes(msgspec.json.encode(content))
    draft = _draft(name, recipe)
    _try(folder, draft, interpreter(folder, draft), recipe.tried)
    write(folder, draft)


def _place(place: Mapping[str, str], root: Path, folder: Path) -> None:
    """Put files where the bundle has them."""
    for relative, source in place.items():
        link_or_copy(root / source, folder / relative)


def _draft(name: str, recipe: Recipe) -> Draft:
    task, weights = tasks.find(recipe.task), recipe.weights
    assert recipe.body is not None, "a recipe without `build` and `delta` has a body"
    return Draft(
        name=name, task=task.name, input=task.input, target=task.target, prediction=task.prediction,
        labels=recipe.labels, program=task.program(recipe.labels, recipe.body), graphs=recipe.graphs,
        resources=recipe.resources, metrics=task.metrics, runtime=msgspec.convert(recipe.runtime, Runtime),
        provenance={"package": f"{weights.package} {weights.version}"},
        licences=(Licence(what="weights", licence=weights.licence, source=weights.source),),
    )  # fmt: skip


def _try(folder: Path, draft: Draft, runner: Interpreter, tried: tuple[dict[str, Any], ...]) -> None:
    if tried:
        inputs = [decode(draft.input, value) for value in tried]
        record_selftest(folder, inputs, runner.run(inputs))
