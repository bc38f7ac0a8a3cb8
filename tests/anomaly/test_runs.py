"""Whole runs that are killed, doubled, or meet a full disk: nothing half done is seen, and the next run finishes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

STEPS = ("prepare", "train", "export", "optimize", "evaluate", "gate", "release")
GOOD, BAD = ["good", "great", "fine", "lovely", "warm", "bright"], ["bad", "poor", "dull", "cold", "grim", "weak"]
CONFIG = """\
name: moods
task: sentiment-analysis
data: {source: data.csv}
train: {model: compact, budget: 15s}
optimize: {variants: [int8-dynamic]}
evaluate: {resamples: 100, robustness: false}
gate: {accuracy: ">= 0.6"}
release: {registry: none}
"""


@pytest.fixture
def moods(project: Path) -> Path:
    """A small project whose run takes seconds."""
    chance = random.Random(1)
    lines = ["text,label"]
    for number in range(400):
        words = (GOOD, BAD)[number % 2]
        lines.append(f"{' '.join(chance.choices(words, k=5))} {number},{('positive', 'negative')[number % 2]}")
    (project / "data.csv").write_text("\n".join(lines) + "\n")
    (project / "modelworks.yaml").write_text(CONFIG)
    return project


def run(project: Path, *arguments: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [*before, sys.executable, "-m", "modelworks", "run", "--json", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=project, start_new_session=True, **pipes)


def finish(process: subprocess.Popen[str]) -> dict:
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err + out
    return json.loads(out.splitlines()[-1])


def bundle_of(outcome: dict) -> str:
    return outcome["steps"]["release"]["bundle"]


def whole(project: Path) -> list[Path]:
    """Artifacts that can be seen: each must be complete."""
    store = project / ".modelworks" / "store"
    seen = [p for step in STEPS for p in (store / step).glob("*") if p.is_dir()]
    for path in seen:
        record = json.loads((path / "artifact.json").read_text())
        assert record["key"] == path.name
    return seen


def test_kill_in_every_step_then_finish(moods: Path) -> None:
    for step in STEPS:
        process = run(moods)
        scratch = moods / ".modelworks" / "store"
        until = time.monotonic() + 120
        while time.monotonic() < until and process.poll() is None:
            if list((scratch / "tmp").glob(f"{step}-*")):
                os.killpg(process.pid, signal.SIGKILL)
                break
            time.sleep(0.002)
        process.communicate()
        whole(moods)
    outcome = finish(run(moods))
    assert outcome["passed"]
    assert finish(run(moods))["ran"] == []
    assert len(json.loads((moods / "modelworks.lock").read_text())["releases"]) == 1


def test_two_runs_at_once_release_once(moods: Path) -> None:
    first, second = run(moods), run(moods)
    outcomes = [finish(first), finish(second)]
    assert bundle_of(outcomes[0]) == bundle_of(outcomes[1])
    assert len(json.loads((moods / "modelworks.lock").read_text())["releases"]) == 1
    assert {p.parent.name for p in whole(moods)} == set(STEPS)


def test_full_disk_is_an_error_that_says_so_and_loses_nothing(moods: Path) -> None:
    finish(run(moods, "--until", "prepare"))

    # no file may grow beyond 8 blocks of 512 bytes: writes fail, as on a full disk
    process = run(moods, before=("sh", "-c", 'ulimit -f 8; exec "$@"', "sh"))
    out, err = process.communicate(timeout=240)
    assert process.returncode == 2, out + err
    told = json.loads(out.splitlines()[-1])
    assert told["error"] in ("store", "step")
    assert "finished steps are kept" in told["hint"]
    whole(moods)
    assert finish(run(moods))["passed"]


def test_a_worse_candidate_is_refused_and_the_champion_stays(moods: Path) -> None:
    champion = bundle_of(finish(run(moods)))
    process = run(moods, "--set", "train.seed=1", "--set", "gate.accuracy='>= 1.01'")
    out, err = process.communicate(timeout=240)
    assert process.returncode == 1, out + err
    assert json.loads(out.splitlines()[-1])["passed"] is False
    lock = json.loads((moods / "modelworks.lock").read_text())
    assert [r["bundle"] for r in lock["releases"]] == [champion]
