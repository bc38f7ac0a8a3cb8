"""The import contracts hold, and each catches what it is there for: violations are planted one at a time in a copy."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelworks.core import registry

ROOT = Path(__file__).parent.parent
LINT = Path(sys.executable).with_name("lint-imports")

PLANTED = {
    "torch inside a function of the server": ("serve/planted.py", "def f():\n    import torch"),
    "torch in an op": ("ops/planted.py", "import torch"),
    "a stage imports its sibling": ("stages/evaluate/planted.py", "import modelworks.stages.prepare"),
    "pickle in the bundle room": ("bundle/planted.py", "import pickle"),
    "a room nobody declared": ("planted/__init__.py", "import modelworks.core"),
    "the pipeline imports a task": ("pipeline/planted.py", "import modelworks.tasks.sentiment_analysis"),
    "a task imports a task": ("tasks/planted.py", "import modelworks.tasks.sentiment_analysis"),
    "a stage imports a task": ("stages/prepare/planted.py", "import modelworks.tasks.sentiment_analysis"),
    "a task imports the server": ("tasks/planted.py", "import modelworks.serve"),
    "the pipeline imports a stage": ("pipeline/planted.py", "import modelworks.stages.prepare"),
    "the server imports onnxruntime": ("serve/planted.py", "import onnxruntime"),
    "an adapter imports an adapter": ("adapters/engines/planted.py", "import modelworks.adapters.engines.luigi"),
    "an adapter imports the bundle room": ("adapters/engines/planted.py", "import modelworks.bundle"),
    "core imports a higher room": ("core/planted.py", "import modelworks.kinds"),
    "a cycle between siblings": ("core/errors.py", "import modelworks.core.config"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "PYTHONSAFEPATH": "1"}
    return subprocess.run(
        [LINT, "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "src" / "modelworks", folder / "src" / "modelworks")
    shutil.copy(ROOT / ".importlinter", folder)
    return folder


@pytest.mark.slow
def test_the_house_is_in_order(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_violation_is_caught(copy: Path, what: str) -> None:
    name, code = PLANTED[what]
    path = copy / "src" / "modelworks" / name
    before = path.read_text() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{before or ''}\n{code}\n")
    try:
        result = lint(copy)
    finally:
        if before is None:
            path.unlink()
            if path.parent.name == "planted":
                path.parent.rmdir()
        else:
            path.write_text(before)
    assert result.returncode != 0, f"not caught: {what}"
    assert "BROKEN" in result.stdout or "not listed" in result.stdout + result.stderr, result.stdout + result.stderr


def test_every_dotted_string_of_the_lifecycle_resolves() -> None:
    """The linter cannot see names in strings; this can."""
    tree = ast.parse((ROOT / "src/modelworks/lifecycle.py").read_text())
    strings = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    functions = [s for s in strings if s.startswith("modelworks.") and ":" in s]
    modules = [s for s in strings if s.startswith("modelworks.") and ":" not in s and " " not in s]
    assert len(functions) >= 7
    for dotted in functions:
        assert callable(registry.load(dotted)), dotted
    for module in modules:
        assert registry.source_of(module).exists(), module


LEAVES = {
    "modelworks.tasks": "TASK",
    "modelworks.metrics": "METRIC",
    "modelworks.formats": "FORMAT",
    "modelworks.stages.learn.families": "FAMILY",
    "modelworks.stages.optimize.variants": "VARIANT",
    "modelworks.stages.evaluate.perturbations": "PERTURBATION",
    "modelworks.adapters.engines": "ENGINE",
    "modelworks.adapters.registries": "REGISTRY",
    "modelworks.adapters.stores": "STORE",
    "modelworks.adapters.targets": "TARGET",
}


@pytest.mark.parametrize("package", LEAVES)
def test_every_leaf_loads_by_its_name(package: str) -> None:
    names = registry.names(package)
    assert names
    for name in names:
        found = registry.leaf(package, name, LEAVES[package])
        given = getattr(found, "name", name)
        assert given.replace("_", "-") == name.replace("_", "-")
