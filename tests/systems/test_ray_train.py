"""`train.workers: ray` on a real cluster: the loss of one process, though a node is lost."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray_cluster import Nodes, processes

from modelworks.core.errors import StepError
from modelworks.stages import learn

sys.path.insert(0, str(Path(__file__).parents[1] / "learn"))
from learn_fixtures import dataset, work
from test_processes import CASES, STILL, Curve
from tiny_tasks import known

pytestmark = pytest.mark.systems
pytest.importorskip("ray.train", reason="pip install 'modelworks[ray]'")
TASK, MORE = CASES["compact"]
OPTIONS = {**known(TASK, "compact", {**STILL, **MORE}), "epochs": 60}


def train(root: Path, options: dict[str, Any], curve: Curve, nodes: Nodes | None = None) -> dict[str, Any]:
    if not (root / "data").is_dir():
        dataset(root / "data", TASK)
    params: dict[str, Any] = {"task": TASK, "train": {"budget": "1h", "options": {**OPTIONS, **options}}}
    if nodes is not None:
        params["workers"] = {"name": "ray", "options": {"address": nodes.address}}
    return learn.train(work(root, "checkpoint", {"dataset": root / "data"}, params, curve))


def test_the_loss_is_that_of_one_process_though_a_node_is_lost(tmp_path: Path, ray_nodes: Nodes) -> None:
    killed: list[int] = []
    there = Curve()

    def kill() -> None:
        until = time.monotonic() + 400
        while len(there.losses) < 5 and time.monotonic() < until:
            time.sleep(0.05)
        killed.extend(processes("ray::RayTrainWorker")[-1:])
        ray_nodes.lose(killed[0])

    ray_nodes.add()
    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    facts = train(tmp_path / "there", {"processes": 2}, there, ray_nodes)
    thread.join(60)
    here = Curve()
    alone = train(tmp_path / "here", {}, here)
    assert facts["steps"] == alone["steps"]
    firsts = [np.array(curve.losses[:5]) for curve in (there, here)]  # before the kill, the same to the last digits
    assert np.ptp(firsts[1]) > 5e-4
    assert np.abs(firsts[0] - firsts[1]).max() < min(2e-4, 0.05 * np.ptp(firsts[1]))
    assert there.losses[-1] == pytest.approx(here.losses[-1], rel=0.02)
    assert here.losses[-1] < 0.5 * here.losses[0]
    assert facts["dev"] == pytest.approx(alone["dev"], rel=0.02)
    assert killed
    assert (tmp_path / "there/checkpoint/model.safetensors").is_file()
    assert not list((tmp_path / "there/scratch").glob("modelworks-ranks-*"))


def test_too_few_cores_are_named(tmp_path: Path, ray_nodes: Nodes) -> None:
    with pytest.raises(StepError, match="too few cores"):
        train(tmp_path, {"processes": 5}, Curve(), ray_nodes)
