"""A real Ray: the engine's contract on a local cluster, and a cluster of two nodes of which one is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_suite import *  # noqa: F403

from modelworks.core.errors import StepError

pytestmark = pytest.mark.systems
pytest.importorskip("ray", reason="pip install 'modelworks[ray]'")
SUPPORT = Path(__file__).parents[1] / "support"
RUN = """
import sys
from pathlib import Path
from planted_plans import run, step, Plan
plan = Plan(steps=(step("a"), step("b", "a", run="slow_once"), step("c", "a"), step("d", "b", "c")))
run(Path.cwd(), plan, "ray", options={"address": sys.argv[1]})
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{SUPPORT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without cores and two workers of one core each, as real node processes of this machine."""
    from ray.cluster_utils import Cluster

    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_AUTH_MODE="disabled")
    os.environ["PYTHONPATH"] = f"{SUPPORT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [made.add_node(num_cpus=1) for _ in range(2)]
    made.wait_for_nodes(timeout=120)
    yield made, nodes
    made.shutdown()


@pytest.fixture
def engine() -> str:
    return "ray"


@pytest.fixture
def options(cluster: Any) -> dict[str, Any]:
    return {"address": cluster[0].address}


def test_when_a_node_is_killed_its_step_is_done_on_the_other(project: Path, cluster: Any) -> None:
    made, nodes = cluster
    command = [sys.executable, "-c", RUN, made.address]
    run = subprocess.Popen(command, cwd=project, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 180
    while not (project / "slow_began").exists() and time.monotonic() < until:
        time.sleep(0.05)
    parent = int((project / "slow_began").read_text())
    busy = next(node for node in nodes if _descends(parent, node))
    made.remove_node(busy, allow_graceful=False)
    _, said = run.communicate(timeout=300)
    assert run.returncode == 0, said
    diary = (project / "diary").read_text().split()
    assert diary.count("d") == 1
    assert "b" in diary


def _descends(pid: int, node: Any) -> bool:
    """Whether a process was started by a node's raylet."""
    raylet = node.all_processes["raylet"][0].process.pid
    while pid > 1:
        if pid == raylet:
            return True
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return False


def test_a_cluster_that_is_away_says_so(project: Path) -> None:
    from planted_plans import diamond, run

    with pytest.raises(StepError, match="no Ray cluster answers"):
        run(project, diamond(), "ray", options={"address": "127.0.0.1:9"})
