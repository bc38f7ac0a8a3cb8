"""A real Ray: the engine's contract on a local cluster, and a cluster of two nodes of which one is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from engine_suite import *  # noqa: F403
from ray_cluster import Nodes

from modelworks.core.errors import StepError

pytestmark = pytest.mark.systems
pytest.importorskip("ray", reason="pip install 'modelworks[ray]'")
RUN = """
import sys
from pathlib import Path
from planted_plans import run, step, Plan
plan = Plan(steps=(step("a"), step("b", "a", run="slow_once"), step("c", "a"), step("d", "b", "c")))
run(Path.cwd(), plan, "ray", options={"address": sys.argv[1]})
"""


@pytest.fixture
def engine() -> str:
    return "ray"


@pytest.fixture
def options(ray_nodes: Nodes) -> dict[str, Any]:
    return {"address": ray_nodes.address}


def test_when_a_node_is_killed_its_step_is_done_on_the_other(project: Path, ray_nodes: Nodes) -> None:
    command = [sys.executable, "-c", RUN, ray_nodes.address]
    run = subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 180
    while not (project / "slow_began").exists() and time.monotonic() < until:
        time.sleep(0.05)
    ray_nodes.kill(int((project / "slow_began").read_text()))
    _, said = run.communicate(timeout=300)
    assert run.returncode == 0, said
    diary = (project / "diary").read_text().split()
    assert diary.count("d") == 1
    assert "b" in diary


def test_a_cluster_that_is_away_says_so(project: Path) -> None:
    from planted_plans import diamond, run

    with pytest.raises(StepError, match="no Ray cluster answers"):
        run(project, diamond(), "ray", options={"address": "127.0.0.1:9"})
