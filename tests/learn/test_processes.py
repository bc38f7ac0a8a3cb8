"""Training in two real processes is the training of one; in parts, in bfloat16 and compiled it still trains."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
from learn_fixtures import dataset, tiny_text_model, work
from tiny_tasks import known

from modelworks.bundle import Predictor
from modelworks.core.errors import ConfigError, StepError
from modelworks.core.progress import Silent
from modelworks.dataset import Dataset
from modelworks.stages import learn

pytestmark = pytest.mark.slow
STILL = {"threads": 1, "batch_size": 5, "patience": 1000, "label_smoothing": 0.0, "precision": "float32"}
"""A batch that two cannot share evenly."""
CASES = {
    "compact": ("text-generation", {"epochs": 4, "layers": 2, "width": 32, "heads": 2, "learning_rate": 0.003}),
    "pretrained": (
        "sentiment-analysis",
        {
            "epochs": 6,
            "learning_rate": 0.01,
            "head_learning_rate": 0.05,
            "dropout": 0.0,
            "head_dropout": 0.0,
            "hide": 0.0,
        },
    ),
}
"""Networks without chance: what one process drops, two would not."""


class Curve(Silent):
    """The loss (its moving mean) that is told after each step."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def advance(self, done=1, **facts):
        self.losses += [facts["loss"]] if "loss" in facts else []


def train(root, task, options, model="compact", budget="1h"):
    if not (root / "data").is_dir():
        dataset(root / "data", task)
    if model == "pretrained" and not (root / "model").is_dir():
        tiny_text_model(root / "model")
    wish = {"model": "model" if model == "pretrained" else "compact", "budget": budget, "options": options}
    curve = Curve()
    facts = learn.train(work(root, "checkpoint", {"dataset": root / "data"}, {"task": task, "train": wish}, curve))
    return facts, np.array(curve.losses)


@pytest.fixture(scope="module", params=sorted(CASES))
def alone(request, tmp_path_factory):
    """(kind, task, options, curve) of a training in one process."""
    task, more = CASES[request.param]
    root = tmp_path_factory.mktemp("alone")
    options = known(task, request.param, {**STILL, **more})
    _, curve = train(root, task, options, request.param)
    return request.param, task, options, curve


@pytest.mark.parametrize("shard", ["none", "full"])
def test_two_processes_give_the_loss_of_one(alone, tmp_path, shard):
    kind, task, options, curve = alone
    if (kind, shard) == ("compact", "full"):
        pytest.skip("its optimizer (Muon) takes whole matrices")
    if shard == "full" and torch.cuda.device_count() == 1:
        pytest.skip("the one graphics card cannot be two")
    facts, ours = train(tmp_path, task, {**options, "processes": 2, "shard": shard}, kind)
    assert len(curve) > 5
    moved = np.ptp(curve)  # little, for a tiny network that cannot tell its texts apart: then batches alone differ
    assert moved > 5e-4, "nothing moved that could be compared"
    assert ours.shape == curve.shape
    assert np.abs(ours - curve).max() < min(2e-4, 0.05 * moved)
    inputs = {"dataset": tmp_path / "data", "checkpoint": tmp_path / "checkpoint"}
    learn.export(work(tmp_path, "bundle", inputs, {"task": task, "name": "two"}))
    examples = [example.input for example in Dataset.open(tmp_path / "data").examples("dev")]
    assert len(Predictor.open(tmp_path / "bundle" / "bundle").predict(examples)) == len(examples)
    assert facts["steps"] == len(curve)


def test_one_process_that_dies_ends_all_in_words(tmp_path):
    """The rank that does not lead is killed; the stage says so soon, and leaves no process behind."""
    task, more = CASES["compact"]
    root = str(tmp_path)
    seen: list[int] = []

    def kill() -> None:
        end = time.monotonic() + 900
        while time.monotonic() < end and not seen:
            seen.extend(children(rank=1))
            time.sleep(0.05)
        if seen:
            os.kill(seen[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(StepError, match="process 1 of the training ended with -9"):
        train(Path(root), task, {**known(task, "compact", {**STILL, **more}), "epochs": 4000, "processes": 2})
    thread.join()
    assert children(rank=0) == []


def children(rank: int) -> list[int]:
    """Processes of ours that train as a rank."""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True
    )
    rows = [line.split() for line in listed.stdout.splitlines()]
    return [int(row[0]) for row in rows if "modelworks.stages.learn.worker" in row and row[-1] == str(rank)]


def test_a_fault_of_one_process_is_told_in_its_words(tmp_path):
    task, more = CASES["pretrained"]
    wild = {"learning_rate": 1e30, "head_learning_rate": 1e30, "clip": 1e30, "epochs": 50}
    options = known(task, "pretrained", {**STILL, **more, **wild})
    with pytest.raises(StepError, match="not a number"):
        train(tmp_path, task, {**options, "processes": 2}, "pretrained")


@pytest.mark.parametrize("option", [{"precision": "bfloat16"}, {"compile": True}])
def test_it_learns_in_bfloat16_and_compiled(alone, tmp_path, option):
    kind, task, options, curve = alone
    if kind == "compact" and "compile" in option:
        pytest.skip("one network is enough: the compiler takes over a minute")
    _, ours = train(tmp_path, task, {**options, **option}, kind)
    assert ours.shape == curve.shape
    difference = np.abs(ours - curve).max()
    assert difference < (0.1 if "precision" in option else 1e-3)
    assert difference > 0 or "compile" in option, "bfloat16 changed nothing: it was not used"


@pytest.mark.parametrize(
    ("options", "tune", "words"),
    [
        ({"processes": 0}, {}, "at least one"),
        ({"processes": 2}, {"trials": 2}, "search"),
        ({"shard": "full"}, {}, "one"),
    ],
)
def test_what_does_not_go_together_is_refused_first(tmp_path, options, tune, words):
    dataset(tmp_path / "data", "sentiment-analysis")
    wish = {"options": options, **({"tune": tune} if tune else {})}
    params = {"task": "sentiment-analysis", "train": wish}
    with pytest.raises(ConfigError, match=words):
        learn.train(work(tmp_path, "checkpoint", {"dataset": tmp_path / "data"}, params))
