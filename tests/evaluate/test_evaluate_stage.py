"""The evaluate stage on a real bundle and a real dataset."""

from __future__ import annotations

import json

import numpy as np
import pytest

from modelworks.contracts import metric as metrics
from modelworks.stages import evaluate
from modelworks.stages.evaluate import gate, statistics

TASK = "sentiment-analysis"
QUICK = {"resamples": 300}


@pytest.fixture
def report(work, dataset, bundle):
    done = work("report", {"dataset": dataset, "bundle": bundle}, task=TASK, evaluate=QUICK)
    facts = evaluate.run(done)
    return done.output, facts, json.loads((done.output / "report.json").read_bytes())


def test_the_report_has_all_parts(report) -> None:
    folder, facts, said = report
    assert said["examples"] == 300
    assert said["split"] == "test"
    score = said["scores"]["accuracy"]
    assert score["low"] < score["value"] < score["high"]
    assert 0.75 < score["value"] < 0.95
    assert facts["scores"]["accuracy"]["value"] == score["value"]
    assert {one["column"] for one in said["slices"]} >= {"length", "label", "source"}
    assert sum(one["count"] for one in said["confusions"]) == 300
    assert len(said["calibration"]["bins"]) == 15
    assert said["calibration"]["ece"]["low"] <= said["calibration"]["ece"]["value"]
    assert {one["perturbation"] for one in said["robustness"]} >= {"typos"}
    shown = json.loads((folder / "examples.json").read_bytes())
    assert shown["worst"]
    assert shown["samples"]
    assert shown["worst"][0]["rank"] >= shown["worst"][-1]["rank"]


def test_statistics_give_the_score_back(report) -> None:
    folder, _, said = report
    table = statistics.load(folder)
    metric = metrics.find("accuracy")
    assert metric.score(table.metrics["accuracy"], np.ones((1, 300)))[0] == said["scores"]["accuracy"]["value"]
    assert table.members.shape == (len(said["slices"]), 300)
    assert [int(row.sum()) for row in table.members] == [one["examples"] for one in said["slices"]]


def test_the_same_report_twice(report, work, dataset, bundle) -> None:
    again = work("again", {"dataset": dataset, "bundle": bundle}, task=TASK, evaluate=QUICK)
    evaluate.run(again)
    for name in ("report.json", "examples.json"):
        assert (again.output / name).read_bytes() == (report[0] / name).read_bytes()


def test_a_champion_kept_as_a_bare_bundle_folder(work, dataset, bundle) -> None:
    done = work("bare", {"dataset": dataset, "bundle": bundle / "bundle"}, task=TASK, evaluate=QUICK)
    assert evaluate.run(done)["examples"] == 300


def test_the_gate_against_a_worse_champion(work, report, dataset, shifted) -> None:
    other = work("other", {"dataset": dataset, "bundle": shifted}, task=TASK, evaluate=QUICK)
    evaluate.run(other)
    rules = {"accuracy": ">= 0.7", "champion": "no worse", "slices": {"length": "no worse", "source": "no worse"}}
    inputs = {"candidate": report[0], "champion": other.output, "dataset": dataset}
    good = work("good", inputs, task=TASK, gate=rules, evaluate=QUICK)
    assert gate.run(good)["passed"]
    inputs = {"candidate": other.output, "champion": report[0], "dataset": dataset}
    bad = work("bad", inputs, task=TASK, gate=rules, evaluate=QUICK)
    facts = gate.run(bad)
    assert not facts["passed"]
    assert facts["words"].startswith("Do not release")
    verdict = json.loads((bad.output / "verdict.json").read_bytes())
    assert {one["name"]: one["passed"] for one in verdict["checks"]}["champion: accuracy"] is False
    assert (bad.output / "verdict.md").read_text().startswith("# Failed")
