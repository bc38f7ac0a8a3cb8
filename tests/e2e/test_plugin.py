"""A task of an outside package, installed by pip, goes through the whole lifecycle by name alone."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
WORDS = {"de": "der die das und nicht ist ich wir sehr schön", "en": "the and not is you we very nice of to"}


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment in which the example package is installed (into a folder of its own)."""
    target = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    source = tmp_path / "source"
    subprocess.run(["cp", "-R", str(ROOT / "examples" / "plugin-task"), str(source)], check=True)
    subprocess.run([*command, "--target", str(target), str(source)], check=True)
    return {**os.environ, "PYTHONPATH": str(target)}


def modelworks(*arguments: str, cwd: Path, env: dict[str, str]) -> str:
    command = [sys.executable, "-m", "modelworks", *arguments]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_whole_lifecycle(project: Path, installed: dict[str, str]) -> None:
    chance = random.Random(0)
    with (project / "data.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["text", "label"])
        for number in range(300):
            language = ("de", "en")[number % 2]
            table.writerow([f"{' '.join(chance.choices(WORDS[language].split(), k=8))} {number}", language])
    assert "language-identification" in modelworks("tasks", cwd=project, env=installed)
    modelworks("init", "langid", "--data", "data.csv", cwd=project, env=installed)
    quick = ["--set", "train.budget=20s", "--set", "release.registry=none"]
    outcome = json.loads(modelworks("run", "--json", *quick, cwd=project, env=installed).splitlines()[-1])
    assert outcome["passed"]
    answer = json.loads(modelworks("predict", "--json", "die und das ist sehr schön", cwd=project, env=installed))
    assert "de" in json.dumps(answer)
