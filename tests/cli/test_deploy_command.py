"""`modelworks deploy`: plan, act once, again without change, undo; the ledger."""

from __future__ import annotations

import json

import pytest
import tiny_bundles
from click.testing import CliRunner
from planted_deployment import Shelf

from modelworks.cli.main import group
from modelworks.contracts import deployment
from modelworks.core import registry
from modelworks.core.errors import ConfigError, StepError

SETTINGS = "name: moods\ntask: sentiment-analysis\ndata: {source: x.csv}\n"


@pytest.fixture
def bundles(project, monkeypatch):
    """A project with two bundles and the planted system."""
    (project / "modelworks.yaml").write_text(SETTINGS)
    find = deployment.find
    monkeypatch.setattr(deployment, "find", lambda name: Shelf() if name == "shelf" else find(name))
    names = registry.names
    monkeypatch.setattr(registry, "names", lambda package: names(package) + ["shelf"] * (package == deployment.PACKAGE))
    made = []
    for name in ("one", "two"):
        tiny_bundles.make_text_bundle(project / name, name=name)
        made.append(f"./{name}")
    return made


def deploy(*arguments: str) -> dict:
    result = CliRunner().invoke(group, ["deploy", "shelf", *arguments], standalone_mode=False)
    if result.exception:
        raise result.exception
    return json.loads(result.stdout) if "--json" in arguments else {"text": result.stdout}


def test_it_acts_once_says_so_and_can_undo(bundles, project):
    shown = deploy("--bundle", bundles[0], "--plan")["text"]
    assert "create   moods on the shelf" in shown
    assert not (project / "shelf").exists()
    applied = deploy("--bundle", bundles[0], "--yes", "--json")
    assert applied["address"] == "shelf:moods"
    first = (project / "shelf").read_text()
    assert deploy("--bundle", bundles[0], "--yes", "--json")["changes"] == []
    deploy("--bundle", bundles[1], "--yes")
    assert (project / "shelf").read_text() not in ("", first)
    listed = CliRunner().invoke(group, ["deploy"], standalone_mode=False).stdout
    assert "shelf:moods" in listed
    deploy("--undo", "--yes")
    assert (project / "shelf").read_text() == first
    deploy("--undo", "--yes")
    assert (project / "shelf").read_text() == ""
    with pytest.raises(ConfigError, match="nothing was deployed"):
        deploy("--undo", "--yes")


def test_a_failure_enters_nothing_in_the_ledger(bundles):
    with pytest.raises(StepError, match="the shelf broke"):
        deploy("--bundle", bundles[0], "--yes", "--set", "fail=yes")
    with pytest.raises(ConfigError, match="nothing was deployed"):
        deploy("--undo", "--yes")


def test_options_come_from_the_project_and_unknown_ones_are_refused(bundles, project):
    (project / "modelworks.yaml").write_text(SETTINGS + "targets: {shelf: {folder: other}}\n")
    deploy("--bundle", bundles[0], "--yes")
    assert (project / "other").exists()
    with pytest.raises(ConfigError, match="no such option"):
        deploy("--bundle", bundles[0], "--yes", "--set", "folder2=x")
    (project / "modelworks.yaml").write_text(SETTINGS + "targets: {shelf: {foldr: other}}\n")
    with pytest.raises(ConfigError, match="no such option") as caught:
        deploy("--bundle", bundles[0], "--yes")
    assert "did you mean 'folder'?" in str(caught.value)


def test_nobody_to_ask_is_no_agreement(bundles, project):
    with pytest.raises(ConfigError, match="nobody is there"):
        deploy("--bundle", bundles[0])
    assert not (project / "shelf").exists()


def test_the_doctor_asks_the_systems_of_the_project(bundles, project):
    (project / "modelworks.yaml").write_text(
        SETTINGS + f"store: file://{project}/disk\nrelease: {{registry: none}}\ntargets: {{shelf: {{folder: z}}}}\n"
    )
    found = json.loads(CliRunner().invoke(group, ["doctor", "--json"], standalone_mode=False).stdout)
    states = {check["what"]: check["state"] for check in found}
    assert states["engine luigi"] == states["registry none"] == states[f"store {project}/disk"] == "ok"
    assert states["shelf"] == "ok"
