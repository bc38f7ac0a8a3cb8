"""Exported Prometheus files on the real programs: promtool judges the rules, Prometheus scrapes a running server, and
Alertmanager takes alerts to a webhook: when what comes in drifts, and when the server goes away."""

from __future__ import annotations

import random
import re
import subprocess
import urllib.request
from pathlib import Path
from typing import Any

import outside
import pytest
import yaml
from click.testing import CliRunner
from tiny_bundles import WORDS, make_text_bundle
from watching import alertmanager, ask, model, predict, prometheus, webhook, within

from modelworks.cli.main import COMMANDS, group

pytestmark = pytest.mark.systems


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    outside.environment("prometheus")


@pytest.fixture
def exported(project) -> tuple[Path, int]:
    """(folder of the exported files, port of the server they speak of)."""
    port = outside.free_port()
    (project / "modelworks.yaml").write_text("name: moods\ntask: sentiment-analysis\ndata: {source: data.csv}\n")
    export("--set", f"address=127.0.0.1:{port}")
    return project / "deploy" / "prometheus", port


def export(*options: str) -> None:
    made = CliRunner().invoke(group, ["export", "prometheus", *options], standalone_mode=False)
    assert made.return_value == 0, made.exception


def usual(generator: random.Random) -> str:
    return " ".join(generator.choices(WORDS, k=generator.randint(3, 12)))


@pytest.mark.parametrize("options", [(), ("errors=0.02", "seconds=3", "drift=0.1", "quality=0.2", "days=7")])
def test_rules_pass_their_own_unit_tests(exported, options):
    folder, _ = exported
    export(*(part for option in options for part in ("--set", option)))
    for command in (["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr


def test_drift_reaches_a_webhook_and_so_does_a_server_that_went_away(exported, tmp_path):
    folder, port = exported
    generator, heard = random.Random(1), []
    texts = [usual(generator) for _ in range(800)]
    bundle = make_text_bundle(tmp_path / "bundle", profiled=texts)
    with webhook(heard) as hook, alertmanager(tmp_path, hook) as manager, prometheus(folder, tmp_path, manager) as db:
        with model(bundle, port, tmp_path):

            def watched(enough: int, *far: str) -> list[Any]:
                for _ in range(8):
                    predict(port, *far or [usual(generator)])
                return ask(db, f"modelworks_watched_answers >= {enough}")

            within(120, lambda: watched(300))
            for record in ("modelworks:requests:rate5m > 0", "modelworks:latency:p95_5m", "modelworks:errors:ratio5m"):
                assert within(30, lambda record=record: ask(db, record)), record
            assert unknown(folder, port) == {"modelworks_release_timestamp_seconds"}, (
                "a bundle of a path has no release"
            )
            drift = {one["metric"]["feature"]: float(one["value"][1]) for one in ask(db, "modelworks_drift")}
            assert set(drift) == {"size", "labels", "score", "items"}
            assert not ask(db, "modelworks_drift > 0.25 and modelworks_drift > modelworks_drift_noise"), drift
            assert not named(heard, "ModelDrift")
            far = "not a film: " + "0123456789 " * 40
            fired = within(120, lambda: watched(1, far) and named(heard, "ModelDrift"))
            assert fired[0]["status"] == "firing"
            assert "modelworks evaluate champion" in fired[0]["annotations"]["action"]
            assert within(60, lambda: "size" in {one["labels"]["feature"] for one in named(heard, "ModelDrift")})
        assert within(120, lambda: named(heard, "ModelDown"))


def unknown(folder: Path, port: int) -> set[str]:
    """Metrics that the rules ask for and the server does not know."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        known = set(re.findall(r"\bmodelworks_\w+", answer.read().decode()))
    return set(re.findall(r"\bmodelworks_\w+", (folder / "rules.yml").read_text())) - known


def named(heard: list[dict[str, Any]], alert: str) -> list[dict[str, Any]]:
    return [one for one in heard if one["labels"]["alertname"] == alert]


def test_every_alert_names_a_command_that_there_is(exported):
    rules = yaml.safe_load((exported[0] / "rules.yml").read_text())
    alerts = [rule for part in rules["groups"] for rule in part["rules"] if "alert" in rule]
    assert {"ModelDrift", "ModelConstantOutput", "ModelQualityDown", "ModelStale", "ModelNearlyFull"} <= {
        rule["alert"] for rule in alerts
    }
    for rule in alerts:
        named = re.findall(r"modelworks ([a-z]+)(?: ([a-z]+))?", rule["annotations"]["action"])
        assert named, rule["alert"]
        for command, second in named:
            assert command in COMMANDS, (rule["alert"], command)
            inner = getattr(group.get_command(None, command), "commands", None)
            assert inner is None or second in inner, (rule["alert"], command, second)
