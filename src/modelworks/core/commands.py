"""Running a command of ours in a process of its own, for engines and deployments."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from modelworks.core.errors import GateFailed, StepError

TAIL = 4000
"""Characters of a failed command's output that its error shows."""


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a command; its exit code and the end of what it printed."""
    done = subprocess.run(
        list(command), cwd=folder, env=dict(environment) if environment is not None else None,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout[-TAIL:]


def judge(step: str, code: int, output: str) -> None:
    """Raise what a step's command stands for: GateFailed for 1, StepError for any other code but 0."""
    if code == 1:
        raise GateFailed(output.strip() or "the gate says no", where=f"step {step}")
    if code:
        raise StepError(f"step {step} ended with {code}\n{output.strip()}", where=f"step {step}")
