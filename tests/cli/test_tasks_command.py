"""`modelworks tasks show`: the whole contract of every task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from modelworks.cli import tasks as command
from modelworks.contracts import body as bodies
from modelworks.contracts import task as tasks
from modelworks.core import registry

SOURCE = registry.folder_of("modelworks").parent


def shown(*arguments: str) -> str:
    return CliRunner().invoke(command.command, list(arguments), catch_exceptions=False).output


@pytest.mark.parametrize("name", registry.names(tasks.PACKAGE))
def test_the_contract_of_every_task(name: str) -> None:
    task = tasks.find(name)
    plain = json.loads(shown("show", name, "--json"))
    assert {role: kind["kind"] for role, kind in plain["kinds"].items()} == {
        "input": task.input, "target": task.target, "prediction": task.prediction,
    }  # fmt: skip
    assert all(field["type"] for kind in plain["kinds"].values() for field in kind["fields"])
    assert [one["name"] for one in plain["formats"]] == list(task.formats)
    assert all(one["signature"] for one in plain["metrics"])
    calls = [one["call"] for one in plain["program"]]
    assert (calls[0], calls[-1]) == ("input", "prediction")
    if task.learnt:
        assert f"a family of shape {task.shape}" in calls
        assert any(family["shape"] == task.shape for family in plain["families"])
    assert all(set(family["options"]) == {"compact", "pretrained"} for family in plain["families"])
    assert [one["name"] for one in plain["perturbations"]] == list(task.perturbations)
    assert all((SOURCE / path).is_file() or Path(path).is_file() for path in plain["files"])
    assert plain["files"][0].endswith(f"{task.program.__module__.rpartition('.')[2]}.py")


@pytest.mark.parametrize("name", registry.names(tasks.PACKAGE))
def test_a_person_reads_all_of_it(name: str) -> None:
    task = tasks.find(name)
    text = shown("show", name)
    for part in ("kinds", "formats", "metrics", "program", "families", "perturbations", "starter", "files"):
        assert f"\n{part}\n" in text
    assert all(field in text for field in bodies.LEAVES.get(task.shape, ()))
    assert all(metric in text for metric in task.metrics)


def test_an_alias_is_the_task() -> None:
    assert json.loads(shown("show", "ner", "--json"))["name"] == "named-entity-recognition"
