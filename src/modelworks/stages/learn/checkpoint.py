"""The checkpoint artifact: weights, what they belong to, and the curves."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from modelworks.contracts.family import Family, Front, Recipe
from modelworks.core.errors import StepError
from modelworks.dataset import Dataset
from modelworks.stages.learn import state
from modelworks.stages.learn.base import write_json
from modelworks.stages.learn.fit import Fitted
from modelworks.stages.learn.setting import Setting

WEIGHTS, FACTS, HISTORY = "model.safetensors", "checkpoint.json", "history.json"
_PACKAGES = ("modelworks", "torch", "transformers", "numpy", "onnx", "onnxruntime", "tokenizers")


class Checkpoint(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`checkpoint.json`."""

    task: str
    family: str
    options: dict[str, Any]
    compact: bool
    classes: tuple[str, ...]
    labels: tuple[str, ...]
    front: Front
    source: dict[str, Any]
    """name, origin, sha256, licence of the pretrained weights."""
    dataset: str
    seed: int
    score: float
    metric: str
    kept: str
    versions: dict[str, str]
    licences: tuple[dict[str, str], ...] = ()


def write(folder: Path, setting: Setting, options: Recipe, fitted: Fitted, dataset: Dataset) -> None:
    """Write all files of the artifact but those `prepare` wrote."""
    state.write(folder / WEIGHTS, fitted.state)
    write_json(folder / HISTORY, fitted.history)
    source = setting.source
    weights = {"what": f"weights of {source.name}", "licence": source.licence, "source": source.origin}
    checkpoint = Checkpoint(
        task=setting.task.name, family=setting.family.name, options=msgspec.to_builtins(options),
        compact=source.compact, classes=tuple(setting.classes), labels=dataset.labels, front=setting.front,
        source={"name": source.name, "origin": source.origin, "sha256": source.sha256, "licence": source.licence},
        dataset=dataset.id, seed=setting.seed, score=fitted.score, metric=setting.judge.primary, kept=fitted.how,
        versions=versions(), licences=(*dataset.licences, *(() if source.compact else (weights,))),
    )  # fmt: skip
    write_json(folder / FACTS, checkpoint)


def read(folder: Path) -> Checkpoint:
    """The facts of a checkpoint artifact."""
    try:
        return msgspec.json.decode((folder / FACTS).read_bytes(), type=Checkpoint)
    except (OSError, msgspec.MsgspecError) as error:
        raise StepError(f"not a checkpoint: {error}", where=str(folder), hint="modelworks run --until train") from error


def module(folder: Path, checkpoint: Checkpoint, family: Family) -> Any:
    """The trained network, in evaluation mode."""
    struct = family.compact if checkpoint.compact else family.options
    options = msgspec.convert(checkpoint.options, struct)
    network = family.build(checkpoint.front, checkpoint.classes, options, folder)
    network.load_state_dict(state.read(folder / WEIGHTS))
    return network.eval()


def versions() -> dict[str, str]:
    """Versions of the packages that made the weights."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
