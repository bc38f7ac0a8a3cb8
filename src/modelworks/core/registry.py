"""Leaves are found by name: a file in a folder, else an entry point of an installed package.

`leaf("modelworks.tasks", "sentiment-analysis", "TASK")` imports `modelworks/tasks/sentiment_analysis.py` and returns
its `TASK`. A dash in a name is an underscore in the file. Whether the *file exists* is asked first, so that a leaf
that fails to import is reported as itself and never as "unknown name".
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from modelworks.core.errors import ConfigError, MissingExtra


def folder_of(package: str) -> Path:
    """The directory of an importable package, found without importing the package itself."""
    root, *rest = package.split(".")
    spec = importlib.util.find_spec(root)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"{package} is not an installed package")
    return Path(next(iter(spec.submodule_search_locations))).joinpath(*rest)


def source_of(module: str) -> Path:
    """The file of a module, or the folder of a package, found without importing it (its parents neither)."""
    if "." not in module:
        spec = importlib.util.find_spec(module)
        if spec is not None and not spec.submodule_search_locations and spec.origin:
            return Path(spec.origin)
    path = folder_of(module)
    return path if path.is_dir() else path.with_suffix(".py")


def names(package: str) -> list[str]:
    """Names of all leaves of a folder: its own files, then those that installed packages add."""
    own = [p.stem.replace("_", "-") for p in folder_of(package).glob("*.py") if not p.stem.startswith("_")]
    return sorted({*own, *(point.name for point in added(package))})


def added(package: str) -> Any:
    """Entry points of installed packages for a folder of leaves."""
    from importlib.metadata import entry_points  # costs 25 ms, and most commands need none

    return entry_points(group=package)


def leaf(package: str, name: str, attribute: str) -> Any:
    """The object `attribute` of the leaf called `name`; a ConfigError naming the nearest leaf when there is none."""
    stem = name.replace("-", "_")
    if stem.isidentifier() and not stem.startswith("_") and (folder_of(package) / f"{stem}.py").is_file():
        return getattr(_import(f"{package}.{stem}"), attribute)
    for point in added(package):
        if point.name == name:
            return point.load()
    noun = package.rsplit(".", 1)[-1]
    raise ConfigError(f"there is no {name!r} among the {noun}", seen=name, allowed=names(package))


def load(dotted: str) -> Any:
    """The object a dotted string `package.module:attribute` names."""
    module, _, attribute = dotted.partition(":")
    return getattr(_import(module), attribute)


def _import(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").split(".")[0])
        if extra is None:
            raise
        raise MissingExtra(str(error.name), extra) from error


# Third-party package -> the extra of `pip install modelworks[...]` that brings it.
_EXTRAS = {
    "torch": "train",
    "transformers": "train",
    "safetensors": "train",
    "onnx": "train",
    "optuna": "train",
    "tensorboard": "tensorboard",
    "lance": "data",
    "pyarrow": "data",
    "mlflow": "mlflow",
    "luigi": "luigi",
    "model_signing": "sign",
    "jinja2": "generation",
    "llguidance": "generation",
    "gguf": "gguf",
    "llama_cpp": "gguf",
    "snowballstemmer": "search",
    "boto3": "s3",
    "ray": "ray",
    "google": "gcs",
    "azure": "azure-blob",
    "grafana_foundation_sdk": "grafana",
    "elastic_transport": "elastic",
    "ecs_logging": "elastic",
}
