"""A recipe `<name>.json`: how a starter is built from the files of an installed package."""

from __future__ import annotations

import os
import shutil
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
from modelworks.kinds import decode


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


class Recipe(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Either `build`, or a bundle put together from the files as they are."""

    task: str
    weights: Weights
    build: str | None = None
    """`package.module:function` of this distribution, called with (folder of the weights, empty folder for the
    bundle): for weights that have to be turned into a graph first."""
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


def make(name: str, recipe: Recipe, folder: Path) -> None:
    """Build the bundle of a recipe into an empty folder; the package's files are checked first."""
    weights = recipe.weights
    root = packages.checked(weights.package, weights.root, weights.files, where=f"starter {name}")
    if recipe.build is not None:
        registry.load(recipe.build)(root, folder)
        return
    _place(recipe.place, root, folder)
    for relative, content in recipe.write.items():
        (folder / relative).parent.mkdir(parents=True, exist_ok=True)
        (folder / relative).write_bytes(msgspec.json.encode(content))
    draft = _draft(name, recipe)
    _try(folder, draft, interpreter(folder, draft), recipe.tried)
    write(folder, draft)


def _place(place: Mapping[str, str], root: Path, folder: Path) -> None:
    """Put files where the bundle has them; as a second name for the same file where the disk allows it."""
    for relative, source in place.items():
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(root / source, target)
        except OSError:
            shutil.copyfile(root / source, target)


def _draft(name: str, recipe: Recipe) -> Draft:
    task, weights = tasks.find(recipe.task), recipe.weights
    assert recipe.body is not None, "a recipe without `build` has a body"
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
