"""What a BUNDLE argument may be: a folder, a .zip, a channel (`champion`), or the beginning of a bundle's id."""

from __future__ import annotations

from pathlib import Path

from modelworks.core import config, lock, paths
from modelworks.core.errors import ConfigError, nearest


def resolve(text: str, project: Path | None = None) -> Path:
    """The path of a bundle; a ConfigError that says what was looked for when there is none."""
    path = Path(text)
    if (path / "manifest.json").is_file() or (path.suffix == ".zip" and path.is_file()):
        return path
    if (path / "bundle" / "manifest.json").is_file():  # an artifact folder of the store
        return path / "bundle"
    project = project or _project(text)
    known = lock.read(project)
    pin = known.pin(text)
    if pin is not None:
        return brought(project, pin.bundle)
    folder = paths.bundle(project, "")
    found = sorted(p for p in folder.glob(f"{text}*") if len(text) >= 6 and (p / "manifest.json").is_file())
    if len(found) == 1:
        return found[0]
    close = nearest(text, known.channels)
    raise ConfigError(
        f"several bundles begin with {text!r}" if found else f"there is no bundle {text!r}",
        seen=text,
        allowed=["a folder", "a .zip", *known.channels, *(pin.bundle[:12] for pin in known.releases)],
        hint=f"did you mean {close!r}?" if close else "modelworks release list",
    )


def brought(project: Path, bundle: str) -> Path:
    """The folder of a release's bundle, fetched first where only the place that machines share has it."""
    folder = paths.bundle(project, bundle)
    if not folder.is_dir() and (uri := config.load_project(project).store):
        from modelworks import lifecycle
        from modelworks.pipeline.store import open_store

        lifecycle.bring_bundle(project, open_store(project, uri), bundle)
    return folder


def _project(text: str) -> Path:
    try:
        return config.find_project()
    except ConfigError as error:
        raise ConfigError(
            f"there is no bundle {text!r} here, and no project whose channel or release it could be",
            where=error.where, seen=text, allowed="a folder or a .zip of a bundle",
            hint="go to the folder of a project, or name a bundle",
        ) from error  # fmt: skip
