"""Every target of `modelworks export` keeps the contract."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath

import pytest
import yaml

from modelworks.contracts import target as targets
from modelworks.contracts.target import MARK, Facts
from modelworks.core import registry

NAMES = registry.names(targets.PACKAGE)


@pytest.fixture(params=NAMES)
def target(request):
    return targets.find(request.param)


def facts(target, name="moods", **options):
    return Facts(name=name, settings={}, requirement="modelworks==9.9.9", options={**target.options, **options})


def test_the_same_project_gives_the_same_files_and_says_who_made_them(target):
    files = target.files(facts(target))
    assert files == target.files(facts(target))
    assert len({file.path for file in files}) == len(files)
    assert all(MARK + f" {target.name}`" in file.text for file in files if not file.path.endswith(".json"))


def test_paths_stay_inside_the_project_and_nothing_is_left_to_fill_in(target):
    for file in target.files(facts(target)):
        path = PurePosixPath(file.path)
        assert not path.is_absolute()
        assert ".." not in path.parts
        assert not re.search(r"<<\w+>>", file.text)
        assert file.text.endswith("\n")


def test_yaml_and_json_files_are_well_formed(target):
    for file in target.files(facts(target)):
        if file.path.endswith((".yml", ".yaml")):
            assert list(yaml.safe_load_all(file.text))
        if file.path.endswith(".json"):
            json.loads(file.text)


def test_every_option_changes_something(target):
    before = target.files(facts(target))
    for option in target.options:
        assert target.files(facts(target, **{option: "7654"})) != before, option


def test_it_calls_the_tool_and_names_no_task(target):
    text = "".join(file.text for file in target.files(facts(target)))
    assert "modelworks" in text
    assert not any(name in text for name in registry.names("modelworks.tasks"))
