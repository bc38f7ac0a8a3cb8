"""A tiny project in a real repository with a bare remote, for tests that run exported CI pipelines; a stand-in for the
published bundles of a CI system."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import tiny_tasks
from click.testing import CliRunner

from modelworks.cli.main import group
from modelworks.core import config

BIN = Path(sys.executable).parent
RED = "gate: {size_mb: '<= 0.000001'}\n"
IDENTITY = ("-c", "user.name=t", "-c", "user.email=t@example.org")


def repository(folder: Path, remote: Path, target: str) -> Path:
    """The project with a target's exported files, committed and pushed."""
    tiny_tasks.project(folder, "sentiment-analysis")
    made = CliRunner().invoke(group, ["export", target], standalone_mode=False)
    assert made.return_value == 0, made.output
    (folder / ".gitignore").write_text(".modelworks/\n")
    git("init", "-q", "-b", "main", cwd=folder)
    git("init", "-q", "--bare", "-b", "main", str(remote), cwd=folder)
    git("remote", "add", "origin", str(remote), cwd=folder)
    commit(folder)
    return folder


def git(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(["git", *IDENTITY, *arguments], cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout


def commit(folder: Path) -> None:
    git("add", ".", cwd=folder)
    git("commit", "-q", "-m", "x", cwd=folder)
    git("push", "-q", "origin", "HEAD", cwd=folder)


def redden(folder: Path) -> None:
    """A gate that no bundle passes, committed."""
    path = folder / config.FILE
    path.write_text(path.read_text("utf-8") + RED, "utf-8")
    commit(folder)


def environment(home: Path) -> dict[str, str]:
    """This Python and its `modelworks` first on PATH, nothing from an index, and a home without settings."""
    home.mkdir(parents=True, exist_ok=True)
    return {
        **os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PATH": f"{BIN}:{os.environ['PATH']}",
        "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "GIT_CONFIG_NOSYSTEM": "1",
    }  # fmt: skip
