"""Training that is killed goes on as if nothing had happened: the weights are equal, byte for byte."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))
from learn_fixtures import dataset, tiny_text_model

pytestmark = pytest.mark.slow
WORKER = Path(__file__).parent / "resume_worker.py"


def train(root: Path, output: str, task: str, model: str, kill: int = 0) -> int:
    call = [sys.executable, str(WORKER), str(root), output, str(kill), task, model]
    done = subprocess.run(call, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def same_plan(root: Path) -> None:
    """How often to score depends on measured seconds: both runs follow the first one's plan."""
    (root / "broken" / "scratch").mkdir(parents=True, exist_ok=True)
    shutil.copy(root / "whole" / "scratch" / "plan.json", root / "broken" / "scratch" / "plan.json")


@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("named-entity-recognition", "compact"), ("named-entity-recognition", "pretrained"),
        ("image-classification", "compact"),
    ],
)  # fmt: skip
def test_killed_twice_and_resumed_gives_the_same_bytes(tmp_path, task, model):
    dataset(tmp_path / "data", task)
    if model == "pretrained":
        for name in ("whole", "broken"):
            (tmp_path / name).mkdir()
            tiny_text_model(tmp_path / name / model)
    assert train(tmp_path / "whole", "checkpoint", task, model) == 0
    same_plan(tmp_path)
    assert train(tmp_path / "broken", "first", task, model, kill=4) == -signal.SIGKILL
    kept = sorted((tmp_path / "broken" / "scratch" / "steps").iterdir())
    assert [path.name for path in kept] == ["000000003"]
    assert train(tmp_path / "broken", "second", task, model, kill=8) == -signal.SIGKILL
    assert train(tmp_path / "broken", "checkpoint", task, model) == 0
    whole, broken = tmp_path / "whole" / "checkpoint", tmp_path / "broken" / "checkpoint"
    assert (whole / "model.safetensors").read_bytes() == (broken / "model.safetensors").read_bytes()
    assert json.loads((whole / "history.json").read_text()) == json.loads((broken / "history.json").read_text())


def test_killed_while_writing_a_checkpoint_the_one_before_is_used(tmp_path):
    task = "named-entity-recognition"
    dataset(tmp_path / "data", task)
    assert train(tmp_path / "whole", "checkpoint", task, "compact") == 0
    same_plan(tmp_path)
    assert train(tmp_path / "broken", "first", task, "compact", kill=5) == -signal.SIGKILL
    partial = tmp_path / "broken" / "scratch" / "partial" / "checkpoint-5"
    partial.mkdir(parents=True)
    (partial / "model.safetensors").write_bytes(b"half a file")
    assert train(tmp_path / "broken", "checkpoint", task, "compact") == 0
    weights = [(tmp_path / name / "checkpoint" / "model.safetensors").read_bytes() for name in ("whole", "broken")]
    assert weights[0] == weights[1]
