from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from modelworks.stages.learn import machine


def test_samples_are_written_under_their_names(tmp_path: Path) -> None:
    with machine.watched(tmp_path / "machine.json", every=0.02):
        time.sleep(0.2)
    found = json.loads((tmp_path / "machine.json").read_text())
    assert {"cpu_utilization_percentage", "system_memory_usage_megabytes"} <= set(found)
    times = [after for after, _ in found["cpu_utilization_percentage"]]
    assert len(times) > 1
    assert times == sorted(times)
    assert all(0 < value <= 100 for _, value in found["system_memory_usage_percentage"])


def test_a_long_training_keeps_few_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MOST", 4)
    with machine.watched(tmp_path / "machine.json", every=0.005):
        time.sleep(0.5)
    samples = json.loads((tmp_path / "machine.json").read_text())["cpu_utilization_percentage"]
    assert 2 <= len(samples) <= 5
    assert samples[-1][0] >= 0.5


def test_a_failure_passes_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), machine.watched(tmp_path / "machine.json"):
        raise ValueError("no")
    assert not (tmp_path / "machine.json").exists()
