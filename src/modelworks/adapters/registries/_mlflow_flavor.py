"""A bundle as an MLflow model: an `MLmodel` file beside `bundle/`, with our flavor and `python_function`.

Nothing is pickled: MLflow imports `modelworks.pyfunc`, which opens the bundle."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from modelworks import __version__
from modelworks.kinds.base import named

FOLDER, BUNDLE = "model", "bundle"
"""Of a run's artifacts; of the model."""
LOADER = "modelworks.pyfunc"
_TYPES: dict[Any, str] = {str: "string", bytes: "binary", float: "double", int: "long", bool: "boolean"}


def write(folder: Path, bundle: Path, run_id: str) -> None:
    """All files of the model but `bundle/` itself, which lies in `bundle` now."""
    from mlflow.models import Model

    manifest = json.loads((bundle / "manifest.json").read_bytes())
    needs = requirements(manifest)
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in needs), "utf-8")
    (folder / "python_env.yaml").write_text(_python_env(), "utf-8")
    (folder / "conda.yaml").write_text(_conda(needs), "utf-8")
    model = Model(artifact_path=FOLDER, run_id=run_id, signature=signature(manifest["input"], manifest["prediction"]))
    model.add_flavor(
        "python_function", loader_module=LOADER, data=BUNDLE, python_version=platform.python_version(),
        env={"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
    )  # fmt: skip
    model.add_flavor(
        "modelworks", data=BUNDLE, bundle=manifest["id"], task=manifest["task"], format=manifest["format"],
        modelworks_version=__version__,
    )  # fmt: skip
    model.save(str(folder / "MLmodel"))


def requirements(manifest: dict[str, Any]) -> list[str]:
    """What an environment that serves the model needs."""
    gguf = any(name.endswith(".gguf") for name in manifest["files"])
    extra = "[generation,gguf]" if gguf else ""
    return [f"modelworks{extra}=={__version__}", f"mlflow=={version('mlflow')}"]


def signature(given: str, predicted: str) -> Any:
    """Inputs and outputs as columns: the fields of the kinds."""
    from mlflow.models import ModelSignature

    return ModelSignature(inputs=_schema(given), outputs=_schema(predicted))


def _schema(kind: str) -> Any:
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    return Schema([
        ColSpec(_TYPES.get(field.type) or AnyType(), field.encode_name, required=field.required)
        for field in msgspec.structs.fields(named(kind))
    ])  # fmt: skip


def _python_env() -> str:
    return f"python: {platform.python_version()}\nbuild_dependencies:\n- pip\ndependencies:\n- -r requirements.txt\n"


def _conda(needs: list[str]) -> str:
    lines = "".join(f"  - {line}\n" for line in needs)
    return (
        f"name: mlflow-env\nchannels:\n- conda-forge\ndependencies:\n- python={platform.python_version()}\n"
        f"- pip\n- pip:\n{lines}"
    )
