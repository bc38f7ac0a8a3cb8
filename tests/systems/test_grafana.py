"""Exported Grafana files: the dashboards are of Grafana's own types (its npm package, by the TypeScript compiler), and
every query of every panel and variable is answered by a real Prometheus that scrapes a running server. No Grafana runs
here."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import outside
import pytest
import yaml
from click.testing import CliRunner
from tiny_bundles import WORDS, make_text_bundle
from watching import ask, model, predict, prometheus, within

from modelworks.bundle import open_manifest
from modelworks.cli.main import COMMANDS, group
from modelworks.core import lock, paths

pytestmark = pytest.mark.systems
BOARDS = ("service", "model", "data", "release")
CHECK = """\
import type { AnnotationQuery, Dashboard, Panel, RowPanel, VariableModel } from '@grafana/schema';
// an enumeration of strings stands in JSON as one of its strings
type Plain<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
type Own = 'panels' | 'annotations' | 'templating';
const made: Plain<Omit<Dashboard, Own>> & {
  panels: Plain<Array<Panel | RowPanel>>;
  // a query in an annotation, and what only intervals have: the SDK writes them, these types leave them out
  annotations: { list: Array<Plain<AnnotationQuery> & { expr: string }> };
  templating: { list: Array<Plain<VariableModel> & { auto?: boolean; auto_count?: number; auto_min?: string }> };
} = %s;
export default made;
"""
OPTIONS = ["--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler"]


@pytest.fixture
def exported(project) -> tuple[Path, int]:
    """(deploy folder of the exported files, port of the server they speak of)."""
    port = outside.free_port()
    (project / "modelworks.yaml").write_text("name: moods\ntask: sentiment-analysis\ndata: {source: data.csv}\n")
    for command in (["prometheus", "--set", f"address=127.0.0.1:{port}"], ["grafana"]):
        made = CliRunner().invoke(group, ["export", *command], standalone_mode=False)
        assert made.return_value == 0, made.exception
    return project / "deploy", port


def boards(deploy: Path) -> dict[str, Any]:
    return {name: json.loads((deploy / "grafana" / "dashboards" / f"{name}.json").read_text()) for name in BOARDS}


def release(project: Path, bundle: Path) -> None:
    """Put a bundle where a release has it."""
    manifest = open_manifest(bundle)
    shutil.copytree(bundle, paths.bundle(project, manifest.id))
    pin = lock.Pin(
        bundle=manifest.id, version=3, scores={"macro_f1": 0.8}, intervals={"macro_f1": (0.75, 0.85)},
        dataset="d" * 64, released="2026-01-02T03:04:05+00:00",
    )  # fmt: skip
    lock.write(project, lock.Lock(channels={"champion": 3}, releases=(pin,)))


def filled(query: str) -> str:
    for name, value in {"$job": "moods", "$model": ".*", "$__rate_interval": "30s", "$__range": "1m"}.items():
        query = query.replace(name, value)
    assert "$" not in query, query
    return query


def queries(board: dict[str, Any]) -> list[tuple[str, str]]:
    return [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel.get("targets", ())]


def test_every_query_of_every_panel_returns_data(exported, project, tmp_path):
    outside.environment("prometheus")
    deploy, port = exported
    generator = random.Random(1)

    def text() -> str:
        return " ".join(generator.choices(WORDS, k=generator.randint(3, 12)))

    release(project, make_text_bundle(tmp_path / "bundle", profiled=[text() for _ in range(500)]))
    asked = [(name, *pair) for name, board in boards(deploy).items() for pair in queries(board)]
    assert len(asked) > 50
    with model("champion", port, project), prometheus(deploy / "prometheus", tmp_path) as database:

        def traffic() -> bool:
            for _ in range(8):
                predict(port, text())
            return bool(ask(database, "modelworks_watched_answers >= 220"))

        within(120, traffic)
        left = list(asked)

        def answered() -> bool:
            traffic()
            left[:] = [one for one in left if not data(database, filled(one[2]))]
            return not left

        try:
            within(60, answered)
        except AssertionError:
            pytest.fail("no data:\n" + "\n".join(map(str, left)))
        for name, board in boards(deploy).items():
            for annotation in board["annotations"]["list"]:
                ask(database, filled(annotation["expr"]))  # nothing has happened: an answer, and no fault
            assert variables(database, board) == {"job": ["moods"], "model": ["moods"]}, name


def data(database: int, query: str) -> bool:
    """Whether a query returns a number."""
    return any(one["value"][1] != "NaN" for one in ask(database, query))


def variables(database: int, board: dict[str, Any]) -> dict[str, list[str]]:
    """What a user may choose, as Grafana finds it: values of a label of some series."""
    found = {}
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]).groups()
            series = filled(series)
            found[variable["name"]] = sorted({one["metric"][label] for one in ask(database, series)})
    return found


@pytest.mark.parametrize("fault", [False, True])
def test_the_dashboards_are_of_grafanas_own_types(exported, tmp_path, fault):
    place = outside.environment("grafana")
    (tmp_path / "node_modules").symlink_to(place / "node_modules")
    for name, board in boards(exported[0]).items():
        if fault:
            board["panels"][0]["gridPos"]["w"] = "wide"
            board["panels"][0]["fieldConfig"]["defaults"]["thresholds"]["mode"] = "sometimes"
        (tmp_path / f"{name}.ts").write_text(CHECK % json.dumps(board))
    command = ["node", place / "node_modules" / "typescript" / "bin" / "tsc", *OPTIONS, *(f"{n}.ts" for n in BOARDS)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    if not fault:
        assert done.returncode == 0, done.stdout
    else:
        assert done.stdout.count("TS2322") >= 2 * len(BOARDS), done.stdout


def test_a_person_on_call_finds_units_thresholds_words_and_commands(exported):
    made = boards(exported[0])
    assert len({board["uid"] for board in made.values()}) == len(BOARDS)
    for board in made.values():
        panels = [panel for panel in board["panels"] if panel["type"] != "text"]
        assert all(panel["description"] and panel["fieldConfig"]["defaults"]["unit"] for panel in panels)
        assert [v["name"] for v in board["templating"]["list"]] == ["datasource", "job", "model"]
        todo = board["panels"][-1]["options"]["content"]
        commands = re.findall(r"`modelworks ([a-z]+)(?: ([a-z]+))?", todo)
        assert commands
        for command, second in commands:
            assert command in COMMANDS
            inner = getattr(group.get_command(None, command), "commands", None)
            assert inner is None or second in inner, (command, second)
        for panel in panels:
            steps = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
            assert steps[0] is None
            assert steps[1:] == sorted(steps[1:])
            assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    assert not overlapping(made["service"]["panels"])
    assert any(
        step["color"] == "red" for step in made["data"]["panels"][0]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    )


def overlapping(panels: list[dict[str, Any]]) -> list[tuple[int, int]]:
    cells = [
        (x, y) for at in (panel["gridPos"] for panel in panels)
        for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
    ]  # fmt: skip
    return sorted({cell for cell in cells if cells.count(cell) > 1})


def test_provisioning_points_at_prometheus_and_the_dashboards(exported):
    place = exported[0] / "grafana" / "provisioning"
    source = yaml.safe_load((place / "datasources" / "modelworks.yml").read_text())["datasources"][0]
    assert (source["type"], source["url"]) == ("prometheus", "http://127.0.0.1:9090")
    provider = yaml.safe_load((place / "dashboards" / "modelworks.yml").read_text())["providers"][0]
    assert provider["options"]["path"] == "/etc/grafana/modelworks"
    for board in boards(exported[0]).values():
        assert board["templating"]["list"][0]["current"]["value"] == source["uid"]
