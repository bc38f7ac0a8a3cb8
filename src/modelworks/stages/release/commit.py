"""Which commit of the project's Git repository a release was made from."""

from __future__ import annotations

import subprocess
from pathlib import Path

from modelworks.core import lock


def head(project: Path) -> dict[str, str]:
    """Tags `commit` and, when tracked files differ from it, `uncommitted`; none outside of a repository."""
    commit = _git(project, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return {}
    # the lock differs while a release is made
    changed = _git(project, "status", "--porcelain", "--untracked-files=no", "--", ".", f":(exclude){lock.FILE}")
    return {"commit": commit, **({"uncommitted": "yes"} if changed else {})}


def _git(project: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=project, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
