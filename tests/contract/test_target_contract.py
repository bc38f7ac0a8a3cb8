"""Every target of `modelworks export` keeps the contract."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import PurePosixPath

import msgspec
import pytest
import yaml

from modelworks import lifecycle
from modelworks.contracts import target as targets
from modelworks.contracts.target import MARK, Facts
from modelworks.core import config, registry

NAMES = registry.names(targets.PACKAGE)


@pytest.fixture(params=NAMES)
def target(request):
    return targets.find(request.param)


PROJECT = """
name: moods
task: sentiment-analysis
data: {source: data.csv}
train: {tune: {trials: 3, space: {rate: {low: 0.001, high: 0.1, log: true}, epochs: [1, 2]}}}
"""


def facts(target, name="moods", **options):
    settings = config.parse_project(PROJECT)
    return Facts(
        name=name, settings={**msgspec.to_builtins(settings), "task": "secret"}, steps=lifecycle.order(settings),
        requirement="modelworks==9.9.9", options={**target.options, **options},
    )  # fmt: skip


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
        if file.path.endswith((".yml", ".yaml")) and "/templates/" not in file.path:  # a chart's are YAML once filled
            assert list(yaml.safe_load_all(file.text))
        if file.path.endswith(".json"):
            json.loads(file.text)


def test_every_option_changes_something(target):
    """With some value of another: an image means nothing to a form that runs no container."""
    for option in target.options:
        others = [{o: value} for o in target.options if o != option for value in target.choices.get(o, ("7654",))]
        for value in target.choices.get(option, ("7654",)):
            if value != target.options[option]:
                pairs = [(facts(target, **some), facts(target, **some, **{option: value})) for some in ({}, *others)]
                assert any(target.files(one) != target.files(other) for one, other in pairs), (option, value)


def test_the_default_is_among_the_choices(target):
    assert all(target.options[option] in values for option, values in target.choices.items())


def test_steps_come_from_the_plan(target):
    told = facts(target)
    more = replace(told, steps={**told.steps, "further": ("gate",)})
    text = "".join(file.text for file in target.files(more))
    assert (target.files(more) != target.files(told)) == bool(re.search(r"\bfurther\b", text))


def test_choices_and_python_files_are_sound(target):
    for option, values in target.choices.items():
        for value in values:
            for file in target.files(facts(target, **{option: value})):
                assert not re.search(r"<<\w+>>", file.text)
                if file.path.endswith(".py"):
                    compile(file.text, file.path, "exec")


def test_it_calls_the_tool_and_names_no_task(target):
    text = "".join(file.text for file in target.files(facts(target)))
    assert "modelworks" in text
    assert not any(name in text for name in registry.names("modelworks.tasks"))


@pytest.mark.parametrize("name", ["moods", "Moods_2", "_-_", "-a-", "9lives", "x" * 49 + "_y", "y" * 200])
def test_a_projects_name_is_written_as_systems_allow(target, name):
    found = facts(target, name)
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?", found.label)
    assert target.files(found)
