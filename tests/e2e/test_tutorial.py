"""The tutorial works: its commands are run in order, in one shell."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_every_command_of_the_tutorial(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "wnut17", tmp_path / "examples" / "wnut17")
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "tutorial.md").read_text(), re.DOTALL)
    assert len(blocks) >= 6
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = "set -eu\n" + "\n".join(blocks)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    for words in ("Nothing changed", "up to date", '"entities"', "modelworks_"):
        assert words in done.stdout, f"{words!r} is missing in:\n{done.stdout}"
    scores = json.loads((tmp_path / "names" / "scores.json").read_text())
    assert scores["scores"]["entity_f1"]["value"] >= 0
    assert len((tmp_path / "names" / "out.jsonl").read_text().splitlines()) == 2
