"""The tiny bundle that the museum's recipe makes, and a way to seal a changed copy of it."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

RECIPE = Path(__file__).parents[2] / "scripts" / "museum.py"


@pytest.fixture(scope="session")
def recipe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("museum_recipe", RECIPE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def made(recipe: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that tests read and never write."""
    folder = tmp_path_factory.mktemp("made") / "bundle"
    recipe.build(folder)
    return folder


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path / "bundle"))


@pytest.fixture
def resealed(bundle: Path) -> Callable[..., Path]:
    """Write the manifest again, honestly hashed, after changes to the files and to the plain manifest: what an
    attacker can do who cannot sign."""

    def seal(**changes: Any) -> Path:
        import json

        from modelworks.core import hashing

        plain = json.loads((bundle / "manifest.json").read_bytes())
        del plain["id"]
        found = (p for p in sorted(bundle.rglob("*")) if p.is_file() and p.name not in ("manifest.json", "model.sig"))
        plain["files"] = {
            p.relative_to(bundle).as_posix(): {"sha256": hashing.file_digest(p), "bytes": p.stat().st_size}
            for p in found
        }
        plain.update(changes)
        data = hashing.canonical({"id": hashing.digest("bundle", plain), **plain}) + b"\n"
        (bundle / "manifest.json").write_bytes(data)
        return bundle

    return seal
