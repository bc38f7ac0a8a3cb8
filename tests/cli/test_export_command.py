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


def test_check_repeats_the_options_that_the_files_say():
    export("github", "--set", "branch=the trunk's", "--set", "timeout=120")
    assert "--set 'branch=the trunk'\"'\"'s'` for moods" in WORKFLOW.read_text()
    assert "timeout" not in WORKFLOW.read_text().splitlines()[0]  # it is the default
    assert export("github", "--check").return_value == 0
    assert export("github", "--check", "--set", "branch=main").return_value == 1
    assert isinstance(export("github", "--set", "branch=`date`").exception, ConfigError)


def test_check_alone_looks_at_all_that_was_exported():
    assert json.loads(export("--check", "--json").output)["files"] == {}
    export("github", "--set", "branch=trunk")
    export("gitlab")
    assert export("--check").return_value == 0
    Path(".gitlab-ci.yml").write_text(Path(".gitlab-ci.yml").read_text() + "# mine\n")
    told = export("--check", "--json")
    assert told.return_value == 1
    assert [path for path, state in json.loads(told.output)["files"].items() if state != "fresh"] == [".gitlab-ci.yml"]


def test_a_block_leaves_the_users_own_lines():
    ignore = Path(".gitignore")
    ignore.write_text("mine/")
    assert export("git", "--check").return_value == 1
    export("git")
    text = ignore.read_text()
    assert text.startswith("mine/\n")
    assert ".modelworks/" in text
    ignore.write_text(text.replace(".modelworks/", ".modelwork/") + "mine too/\n")
    assert json.loads(export("git", "--check", "--json").output)["files"][".gitignore"] == "stale"
    export("git")
    assert ignore.read_text() == text + "mine too/\n"
    assert export("git", "--check").return_value == 0
    assert Path(".githooks/pre-commit").stat().st_mode & 0o111
