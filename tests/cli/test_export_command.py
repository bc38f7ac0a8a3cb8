"""`modelworks export`: writes, tells what is stale, and never writes over what it did not make."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from modelworks.cli.main import group
from modelworks.core.errors import ConfigError

WORKFLOW = Path(".github/workflows/modelworks.yml")


@pytest.fixture(autouse=True)
def moods(project):
    (project / "modelworks.yaml").write_text("name: moods\ntask: sentiment-analysis\ndata: {source: data.csv}\n")


def export(*arguments: str):
    return CliRunner().invoke(group, ["export", *arguments], standalone_mode=False)


def test_files_are_fresh_after_writing_and_stale_after_an_edit():
    assert export("github", "--check").return_value == 1
    assert not WORKFLOW.exists()
    assert export("github").return_value == 0
    assert export("github", "--check").return_value == 0
    WORKFLOW.write_text(WORKFLOW.read_text() + "# mine\n")
    told = export("github", "--check", "--json")
    assert told.return_value == 1
    assert json.loads(told.output)["files"][str(WORKFLOW)] == "stale"
    export("github")
    assert "# mine" not in WORKFLOW.read_text()


def test_a_file_that_was_not_made_here_is_not_written_over_unless_forced():
    WORKFLOW.parent.mkdir(parents=True)
    WORKFLOW.write_text("name: mine\n")
    refused = export("github")
    assert isinstance(refused.exception, ConfigError)
    assert refused.exception.where == str(WORKFLOW)
    assert WORKFLOW.read_text() == "name: mine\n"
    assert export("github", "--force").return_value == 0
    assert "modelworks run" in WORKFLOW.read_text()


def test_options_are_the_targets_own():
    export("github", "--set", "branch=trunk", "--set", "python=3.12")
    assert "branches: [trunk]" in WORKFLOW.read_text()
    wrong = export("github", "--set", "brunch=trunk")
    assert isinstance(wrong.exception, ConfigError)
    assert "branch" in str(wrong.exception)


def test_systems_are_listed_and_a_misspelt_one_is_told():
    assert "github" in export().output
    assert isinstance(export("githib").exception, ConfigError)
