"""`modelworks export prometheus grafana`: options that are no numbers, the missing extra, files that were edited."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from modelworks.cli.main import group
from modelworks.core.errors import ConfigError, MissingExtra

BOARD = Path("deploy/grafana/dashboards/service.json")


@pytest.fixture(autouse=True)
def moods(project):
    (project / "modelworks.yaml").write_text("name: moods\ntask: sentiment-analysis\ndata: {source: data.csv}\n")


def export(*arguments: str):
    return CliRunner().invoke(group, ["export", *arguments], standalone_mode=False)


@pytest.mark.parametrize(
    ("system", "option"), [("prometheus", "days=a week"), ("prometheus", "days=0"), ("grafana", "drift=high")]
)
def test_an_option_that_is_no_number_is_told(system, option):
    refused = export(system, "--set", option)
    assert isinstance(refused.exception, ConfigError)
    assert refused.exception.seen == option.partition("=")[2]
    assert not Path("deploy").exists()


def test_without_the_sdk_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("grafana_foundation_sdk")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "grafana_foundation_sdk", None)
    refused = export("grafana")
    assert isinstance(refused.exception, MissingExtra)
    assert "modelworks[grafana]" in str(refused.exception)


def test_an_edited_dashboard_is_stale_and_made_anew_and_another_is_not_written_over():
    assert export("grafana").return_value == 0
    BOARD.write_text(BOARD.read_text().replace("30s", "5s"))
    assert json.loads(export("grafana", "--check", "--json").output)["files"][str(BOARD)] == "stale"
    assert export("grafana").return_value == 0
    assert export("grafana", "--check").return_value == 0
    BOARD.write_text("{}")
    assert isinstance(export("grafana").exception, ConfigError)


def test_the_report_is_linked_and_a_limit_below_the_yellow_one_is_red_alone():
    export("grafana", "--set", "report=https://ci.example/report.html", "--set", "drift=0.05")
    board = json.loads(BOARD.with_name("data.json").read_text())
    assert "https://ci.example/report.html" in [link.get("url") for link in board["links"]]
    steps = board["panels"][0]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["value"], step["color"]) for step in steps] == [(None, "green"), (0.05, "red")]
