"""The shell blocks of the tasks' pages work: each page's are run in one shell, on what lies in the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "tasks"
SAID = {
    "named-entity-recognition": ("PASSED", '"entities"'),
    "parsing": ("PASSED", "# text = It rains.", "2\tnt\t"),
    "part-of-speech-tagging": ("PASSED", "1\tShe\t"),
    "question-answering": ("PASSED", "Ada Lovelace"),
    "retrieval": ("recall_1", "Warsaw"),
    "sentiment-analysis": ("PASSED", '"label"'),
    "summarization": ("PASSED", '"text"'),
    "text-generation": ("PASSED", '"finish_reason"'),
    "translation": ("PASSED", '"candidates"'),
}
"""Page -> what its commands print."""


def test_every_page_has_a_tutorial_that_is_run() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} - {"README"} == {*SAID}
    assert all("```sh\n" in (PAGES / f"{name}.md").read_text("utf-8") for name in SAID)


LONG = ("retrieval", "text-generation", "translation")
"""Pages whose commands take minutes each: `make test-systems` runs them."""
PARAMETERS = [pytest.param(name, marks=pytest.mark.systems if name in LONG else pytest.mark.slow) for name in SAID]


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_commands_of_a_page(name: str, tmp_path: Path) -> None:
    for folder in ("examples", "docs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    blocks = re.findall(r"```sh\n(.*?)```", (PAGES / f"{name}.md").read_text("utf-8"), re.DOTALL)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", "set -eu\n" + "\n".join(blocks)], cwd=tmp_path, env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=False, timeout=1200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    for words in SAID[name]:
        assert words in done.stdout + done.stderr, f"{words!r} is missing in:\n{done.stdout}\n{done.stderr}"
