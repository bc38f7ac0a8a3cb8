"""`modelworks step`, called in the order that systems are told: the same steps before and after a first release."""

from __future__ import annotations

import json

import pytest
import tiny_tasks
from click.testing import CliRunner

from modelworks import lifecycle
from modelworks.cli.main import group
from modelworks.contracts.step import From
from modelworks.core import config, lock
from modelworks.core.errors import StepError


def step(name: str):
    told = CliRunner().invoke(group, ["step", name, "--json"], standalone_mode=False)
    if told.exception:
        raise told.exception
    return json.loads(told.stdout)


def test_the_order_holds_every_step_with_what_it_takes(project):
    tiny_tasks.project(project, "sentiment-analysis")
    settings = config.load_project(project)
    order = lifecycle.order(settings)
    for one in lifecycle.plan(project, settings).steps:
        assert {value.step for value in one.inputs.values() if isinstance(value, From)} <= set(order[one.name])
    seen: set[str] = set()
    for name, before in order.items():
        assert set(before) <= seen, name
        seen.add(name)
    assert "champion" in order["gate"]


def test_a_step_that_the_plan_lacks_for_now_has_nothing_to_do_and_a_wrong_name_is_told(project):
    tiny_tasks.project(project, "sentiment-analysis")
    assert step("champion") == {"step": "champion", "key": None, "hit": True, "facts": {}}
    with pytest.raises(StepError, match="champoin"):
        step("champoin")


@pytest.mark.slow
def test_steps_in_order_lead_to_a_release_and_then_to_one_compared_with_it(project):
    tiny_tasks.project(project, "sentiment-analysis")
    order = lifecycle.order(config.load_project(project))
    first = {name: step(name) for name in order}
    assert first["champion"]["key"] is None
    assert all(one["hit"] for one in [step(name) for name in order])
    path = project / config.FILE
    path.write_text(path.read_text("utf-8").replace("budget: 6s", "budget: 6s, seed: 1"), "utf-8")
    second = {name: step(name) for name in order}
    assert second["champion"]["facts"]["examples"] == first["evaluate"]["facts"]["examples"]
    assert [(pin.version, pin.baseline) for pin in lock.read(project).releases] == [
        (1, None), (2, first["release"]["facts"]["bundle"]),
    ]  # fmt: skip
    assert all(one["hit"] for one in [step(name) for name in order])
