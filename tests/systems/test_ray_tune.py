"""`train.tune` on a real cluster: trials at once, of which one's worker is killed; the best one's weights come back."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from ray_cluster import Nodes, processes

from modelworks.stages import learn

sys.path.insert(0, str(Path(__file__).parents[1] / "learn"))
from learn_fixtures import dataset, work
from test_processes import CASES, STILL
from tiny_tasks import known

pytestmark = pytest.mark.systems
pytest.importorskip("ray.tune", reason="pip install 'modelworks[ray]'")
TASK, MORE = CASES["compact"]


def test_trials_run_at_once_and_one_is_done_again(tmp_path: Path, ray_nodes: Nodes) -> None:
    dataset(tmp_path / "data", TASK)
    tune = {"trials": 3, "at_once": 2, "space": {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}}
    options = {**known(TASK, "compact", {**STILL, **MORE}), "epochs": 60}
    params = {
        "task": TASK, "train": {"budget": "1h", "options": options, "tune": tune},
        "workers": {"name": "ray", "options": {"address": ray_nodes.address}},
    }  # fmt: skip
    killed: list[int] = []
    most: list[int] = [0]

    def kill() -> None:
        """One of two that train; those that have a plan do."""
        until = time.monotonic() + 400
        while not list((tmp_path / "scratch").glob("trial-*/plan.json")) and time.monotonic() < until:
            time.sleep(0.05)
            most.append(len(processes("ray::ImplicitFunc")))
        killed.extend(processes("ray::ImplicitFunc")[:1])
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    facts = learn.train(work(tmp_path, "checkpoint", {"dataset": tmp_path / "data"}, params))
    thread.join(60)
    assert killed
    assert max(most) == 2
    scores = [json.loads(path.read_text())["score"] for path in (tmp_path / "scratch").glob("trial-*/fitted.json")]
    assert len(scores) == 3
    assert len(set(scores)) > 1
    best = min(scores)  # bits: less is better
    assert facts["dev"] == pytest.approx(best, abs=1e-5)
    assert (tmp_path / "checkpoint/model.safetensors").is_file()
