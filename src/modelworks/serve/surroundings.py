"""What a cloud platform that starts this container says: port and paths in environment variables, and where the model's
files are. SageMaker puts them into `/opt/ml/model`; Vertex AI names a folder or a place in a bucket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelworks.core.errors import ConfigError

MODEL = Path("/opt/ml/model")


@dataclass(frozen=True, slots=True)
class Platform:
    """What the platform says in environment variables; empty and 0 where it says nothing."""

    port: int = 0
    health: str = ""
    predict: str = ""
    model: str = ""
    """Where the model's files are: a folder, or the URI of one in a bucket."""


def platform(environ: Mapping[str, str], mounted: Path = MODEL) -> Platform:
    """The platform that started this process; ConfigError for a port or path that is none."""
    port = environ.get("AIP_HTTP_PORT") or environ.get("SAGEMAKER_BIND_TO_PORT") or "0"
    if not port.isdigit() or int(port) > 65535:
        raise ConfigError(
            "not a port", where="AIP_HTTP_PORT or SAGEMAKER_BIND_TO_PORT", seen=port, allowed="1 to 65535"
        )
    health, predict = environ.get("AIP_HEALTH_ROUTE", ""), environ.get("AIP_PREDICT_ROUTE", "")
    for name, path in (("AIP_HEALTH_ROUTE", health), ("AIP_PREDICT_ROUTE", predict)):
        if path and not path.startswith("/"):
            raise ConfigError("a path of the server begins with /", where=name, seen=path)
    model = environ.get("AIP_STORAGE_URI") or (str(mounted) if mounted.is_dir() and any(mounted.iterdir()) else "")
    return Platform(int(port), health, predict, model)


def bundle_in(folder: Path) -> Path:
    """The bundle among a model's files: the folder itself, the one folder or the one .zip in it."""
    if (folder / "manifest.json").is_file():
        return folder
    found = [*(path.parent for path in folder.glob("*/manifest.json")), *folder.glob("*.zip")]
    if len(found) != 1:
        raise ConfigError(
            "the platform gave no bundle" if not found else "the platform gave several bundles", where=str(folder),
            seen=", ".join(sorted(path.name for path in folder.iterdir()))[:200],
            allowed="the files of a bundle, a folder with them, or a bundle's .zip",
        )  # fmt: skip
    return found[0]
