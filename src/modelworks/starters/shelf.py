"""Which starters there are, and where their bundles lie."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path

import msgspec
from msgspec import Struct

from modelworks.contracts import task as tasks
from modelworks.core import files, hashing, paths, registry
from modelworks.core.errors import ConfigError
from modelworks.core.progress import Progress, Silent
from modelworks.starters.recipe import Recipe, make

FOLDER = Path(__file__).parent


class Starter(Struct, frozen=True, kw_only=True):
    """One starter, as it is listed."""

    name: str
    tasks: tuple[str, ...]
    """Names of the tasks whose starter it is."""
    bytes: int
    """Of the committed bundle, or of the package's files."""
    licence: str
    source: str
    """Where the weights come from."""
    ready: bool
    """Nothing has to be built before it answers."""


def listed() -> list[Starter]:
    """All starters, by name."""
    entries = sorted(path for path in FOLDER.iterdir() if path.suffix in (".zip", ".json"))
    users: dict[str, list[str]] = {}
    for name in registry.names(tasks.PACKAGE):
        if starter := tasks.find(name).starter:
            users.setdefault(starter, []).append(name)
    return [_told(path, tuple(users.get(path.stem, ()))) for path in entries]


def find(name: str, progress: Progress | None = None) -> Path:
    """The bundle of a starter: the committed archive, or the folder in the user's cache, built when it is not there.

    Raises:
        ConfigError: there is no such starter.
        MissingPackage: it is built from a package that is not installed.
    """
    committed = FOLDER / f"{name}.zip"
    return committed if committed.is_file() else build(name, progress or Silent())


def of_task(name: str, progress: Progress | None = None) -> Path:
    """The bundle of a task's starter; a ConfigError when the task has none."""
    task = tasks.find(name)
    if task.starter is None:
        having = [other for starter in listed() for other in starter.tasks]
        raise ConfigError(
            f"{task.name} has no starter", seen=name, allowed=having, hint=f"train one: modelworks init {task.name} …"
        )
    return find(task.starter, progress)


def build(name: str, progress: Progress) -> Path:
    """The folder of a starter that a recipe makes, built unless this very recipe's bundle is in the cache."""
    recipe = _recipe(name)
    final = _place(name, recipe)
    with files.locked(final.with_suffix(".lock")):
        if not (final / "manifest.json").is_file():
            progress.say(f"building the starter {name} from {recipe.weights.package}, once")
            with tempfile.TemporaryDirectory(dir=final.parent, prefix=f".{name}-") as scratch:
                folder = Path(scratch) / "bundle"
                folder.mkdir()
                make(name, recipe, folder, FOLDER)
                files.commit_folder(folder, final)
    return final


def remove(name: str) -> bool:
    """Take a built starter out of the cache, with what older recipes of it left; whether there was any."""
    _recipe(name)
    found = [path for path in _cache().glob(f"{name}-*") if path.is_dir()]
    for path in found:
        shutil.rmtree(path)
    return bool(found)


def _cache() -> Path:
    return paths.user_cache() / "starters"


def _place(name: str, recipe: Recipe) -> Path:
    return _cache() / f"{name}-{hashing.digest('starter', msgspec.to_builtins(recipe))[:16]}"


def _recipe(name: str) -> Recipe:
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        known = [starter.stem for starter in sorted(FOLDER.iterdir()) if starter.suffix in (".zip", ".json")]
        message = f"{name} is a committed bundle: there is nothing to build or remove" if name in known else ""
        raise ConfigError(message or f"there is no starter {name!r}", seen=name, allowed=known)
    return msgspec.json.decode(path.read_bytes(), type=Recipe)


def _told(path: Path, users: tuple[str, ...]) -> Starter:
    if path.suffix == ".json":
        recipe = _recipe(path.stem)
        weights = recipe.weights
        licences = dict.fromkeys([weights.licence, *([recipe.delta.licence] if recipe.delta else [])])
        return Starter(
            name=path.stem, tasks=users, bytes=weights.bytes, licence=", ".join(licences),
            source=f"package {weights.package} {weights.version}", ready=_place(path.stem, recipe).is_dir(),
        )  # fmt: skip
    with zipfile.ZipFile(path) as archive:
        manifest = msgspec.json.decode(archive.read("manifest.json"))
    licences = dict.fromkeys(f"{item['licence']} ({item['what']})" for item in manifest["licences"])
    return Starter(
        name=path.stem, tasks=users, bytes=path.stat().st_size, licence=", ".join(licences) or "Apache-2.0",
        source=f"committed, bundle {manifest['id'][:12]}", ready=True,
    )  # fmt: skip
