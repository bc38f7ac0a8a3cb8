"""The part of `modelworks bundle import` that works."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from modelworks.contracts import task as tasks
from modelworks.contracts.foreign import Request
from modelworks.core import config, registry
from modelworks.core.errors import ConfigError
from modelworks.core.files import commit_folder


def imported(
    file: Path, output: Path, *, task: str, labels: tuple[str, ...], like: Path | None, python: str, family: str,
    model: str, options: tuple[str, ...], form: str, name: str, licence: str, source: str,
) -> dict[str, Any]:  # fmt: skip
    """Make the bundle beside its place and move it there whole; facts for the reader."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigError("a bundle is imported into an empty folder", where=str(output))
    # by name, so that a missing torch is told as the extra that brings it
    run = registry.load("modelworks.stages.learn.importing:run")
    found = tasks.find(task)
    request = Request(
        task=found.name, labels=labels, like=like, python=python, family=family, model=model,
        options=dict(map(config.setting, options)),
    )  # fmt: skip
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}.") as room:
        made, scratch = Path(room) / "bundle", Path(room) / "scratch"
        made.mkdir()
        scratch.mkdir()
        manifest, facts = run(file, request, made, scratch, form=form, name=name, licence=licence, source=source)
        if output.exists():
            output.rmdir()
        commit_folder(made, output)
    return {"id": manifest.id, "task": manifest.task, "folder": str(output), **facts}
