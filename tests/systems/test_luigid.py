"""A real luigid: the engine's contract under it, and two workers that share a plan, one of them killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import outside
import pytest
from engine_suite import *  # noqa: F403

from modelworks.core.errors import StepError

pytestmark = pytest.mark.systems
SUPPORT = Path(__file__).parents[1] / "support"
WORKER = """
import sys
from pathlib import Path
from planted_plans import run, step, Plan
plan = Plan(steps=(step("a"), step("b", "a", run="slow_once"), step("c", "a"), step("d", "b", "c")))
run(Path.cwd(), plan, "luigi", options={"scheduler": sys.argv[1]})
"""


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("luigid"), outside.free_port()
    (folder / "luigi.cfg").write_text("[scheduler]\nworker_disconnect_delay=3\nretry_delay=1\n")
    command = [Path(sys.executable).with_name("luigid"), "--port", str(port), "--address", "127.0.0.1",
               "--state-path", folder / "state"]  # fmt: skip
    with outside.server(command, folder / "log", {"LUIGI_CONFIG_PATH": str(folder / "luigi.cfg")}) as process:
        outside.answers(f"http://127.0.0.1:{port}/api/task_list", process=process)
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(autouse=True)
def stages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{SUPPORT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")


@pytest.fixture
def engine() -> str:
    return "luigi"


@pytest.fixture(params=[1, 2])
def options(scheduler: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"scheduler": scheduler, "workers": request.param}


def test_when_a_worker_is_killed_the_other_finishes(project: Path, scheduler: str) -> None:
    def worker() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WORKER, scheduler]
        return subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True)

    first = worker()
    until = time.monotonic() + 120
    while not (project / "slow_began").exists() and time.monotonic() < until:
        time.sleep(0.05)
    second = worker()
    time.sleep(0.5)
    first.kill()
    first.communicate()
    _, said = second.communicate(timeout=240)
    assert second.returncode == 0, said
    diary = (project / "diary").read_text().split()
    assert diary.count("b") == diary.count("d") == 1


def test_a_scheduler_that_is_away_says_so(project: Path) -> None:
    from planted_plans import diamond, run

    away = {"scheduler": "http://127.0.0.1:9"}
    with pytest.raises(StepError, match="does not answer"):
        run(project, diamond(), "luigi", options=away)
    assert registry.leaf(PACKAGE, "luigi", "ENGINE").check(away).state == "fault"  # noqa: F405
