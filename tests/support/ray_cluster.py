"""A real Ray cluster on this machine: a head without cores and two workers of two, and who runs what."""

from __future__ import annotations

import contextlib
import os
import subprocess
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SUPPORT = Path(__file__).parent
CORES = 2
"""Of each worker, as it tells Ray."""


def environment() -> dict[str, str]:
    """What Ray's processes, and those that call them, need to hear."""
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = [*([] if str(SUPPORT) in known else [str(SUPPORT)]), *filter(None, known)]
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "RAY_worker_niceness": "0"}
    return {**quiet, "PYTHONPATH": os.pathsep.join(paths)}


@dataclass
class Nodes:
    """A cluster whose nodes may be killed."""

    cluster: Any
    cache: Path
    """MODELWORKS_CACHE of its nodes."""
    workers: list[Any] = field(default_factory=list)

    @property
    def address(self) -> str:
        return str(self.cluster.address)

    def add(self) -> None:
        """Ray gives a node 30 seconds to start, which a busy machine may not do: then another is tried."""
        for left in (2, 1, 0):
            try:
                self._add()
                return
            except Exception as error:
                if not left or "timed out" not in str(error):
                    raise

    def _add(self) -> None:
        with _environment({"MODELWORKS_CACHE": str(self.cache)}), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ray forks to start a node, of which lance warns
            self.workers.append(self.cluster.add_node(num_cpus=CORES))

    def kill(self, pid: int) -> None:
        """Kill the node that a process belongs to; another comes in its place."""
        self.lose(pid)
        self.add()

    def lose(self, pid: int) -> None:
        """Kill the node that a process belongs to. Other than `kill` it works in any thread."""
        node = next(node for node in self.workers if _descends(pid, node))
        self.cluster.remove_node(node, allow_graceful=False)
        self.workers.remove(node)


@contextlib.contextmanager
def running(cache: Path) -> Iterator[Nodes]:
    """A head and two workers, each with real processes of its own."""
    from ray.cluster_utils import Cluster

    with _environment(environment()):
        head = {"num_cpus": 0, "include_dashboard": False}
        made = Nodes(Cluster(initialize_head=True, head_node_args=head), cache)
        try:
            for _ in range(2):
                made.add()
            made.cluster.wait_for_nodes(timeout=120)
            yield made
        finally:
            made.cluster.shutdown()


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def processes(name: str) -> list[int]:
    """Processes of Ray by what they call themselves, as `ray::MapWorker`."""
    listed = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if f" {name}" in line]


def _descends(pid: int, node: Any) -> bool:
    """Whether a process was started by a node's raylet."""
    raylet = node.all_processes["raylet"][0].process.pid
    while pid > 1:
        if pid == raylet:
            return True
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return False
