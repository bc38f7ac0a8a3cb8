"""The GitHub workflow that export writes, run by a real runner (act, on this machine, without a network).

The runner does `actions/checkout` itself; `setup-python` and `cache` cannot be downloaded here, so they are mapped to
local actions that do nothing: this Python and this store are used. `act` is taken from PATH, or from the archive that
$MODELWORKS_TOOLS (default: ../shared/tools) holds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import tiny_tasks
from click.testing import CliRunner

from modelworks.cli.main import group
from modelworks.core import config

pytestmark = pytest.mark.systems
ROOT = Path(__file__).parents[2]
NOTHING = "name: nothing\nruns:\n  using: composite\n  steps:\n    - run: 'true'\n      shell: bash\n"


@pytest.fixture(scope="session")
def act(tmp_path_factory) -> str:
    if found := shutil.which("act"):
        return found
    folder = Path(os.environ.get("MODELWORKS_TOOLS", ROOT.parent / "shared" / "tools"))
    for archive in sorted(folder.glob("act*.tar.xz")):
        target = tmp_path_factory.mktemp("act")
        with tarfile.open(archive) as tar:
            tar.extract("act", target, filter="data")
        return str(target / "act")
    pytest.skip("no `act` on PATH and no archive of it in $MODELWORKS_TOOLS")


@pytest.fixture
def repository(project):
    """A tiny project with the exported workflow, in Git."""
    tiny_tasks.project(project, "sentiment-analysis")
    made = CliRunner().invoke(group, ["export", "github"], standalone_mode=False)
    assert made.return_value == 0, made.output
    git("init", "-q", "-b", "main")
    commit()
    return project


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def commit() -> None:
    Path(".gitignore").write_text(".modelworks/\n")
    git("add", ".")
    git("commit", "-q", "-m", "x")


def gate_job(act: str, folder: Path, actions: Path) -> subprocess.CompletedProcess[str]:
    """Run the job `gate` of a push."""
    mapped = []
    for name in ("actions/setup-python@v5", "actions/cache@v4"):
        place = actions / name.replace("/", "-")
        place.mkdir(parents=True, exist_ok=True)
        (place / "action.yml").write_text(NOTHING)
        mapped += ["--local-repository", f"{name}={place}"]
    environment = {
        **os.environ, "XDG_CACHE_HOME": str(actions / "cache"), "HOME": str(actions),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PIP_NO_INDEX": "1",
    }  # fmt: skip
    command = [
        act, "push", "-j", "gate", "-P", "ubuntu-latest=-self-hosted", "--pull=false", "--env",
        f"PATH={environment['PATH']}", *mapped,
    ]  # fmt: skip
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=400)


def test_the_gate_job_runs_to_success_and_a_red_gate_fails_it(act, repository, tmp_path):
    green = gate_job(act, repository, tmp_path / "actions")
    assert green.returncode == 0, green.stdout[-3000:]
    assert "Success - Main Run the plan up to the gate" in green.stdout
    assert "PASSED" in green.stdout
    path = repository / config.FILE
    path.write_text(path.read_text("utf-8") + "gate: {size_mb: '<= 0.000001'}\n", "utf-8")
    commit()
    red = gate_job(act, repository, tmp_path / "actions")
    assert red.returncode != 0
    assert "Failure - Main Run the plan up to the gate" in red.stdout
    assert "Success - Main Show the verdict" in red.stdout


def test_a_stale_workflow_fails_the_job_before_anything_runs(act, repository, tmp_path):
    workflow = repository / ".github" / "workflows" / "modelworks.yml"
    workflow.write_text(workflow.read_text("utf-8") + "# edited by hand\n", "utf-8")
    commit()
    stale = gate_job(act, repository, tmp_path / "actions")
    assert "Failure - Main Files made by export are fresh" in stale.stdout
    assert "PASSED" not in stale.stdout
