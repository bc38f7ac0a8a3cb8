"""What every engine must do; a test module gives the fixtures `engine` (a name) and `options`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from planted_plans import diamond, run, step

from modelworks.contracts.step import Plan
from modelworks.core import registry
from modelworks.core.errors import ConfigError, GateFailed
from modelworks.pipeline.execute import Executor

PACKAGE = "modelworks.adapters.engines"


def test_only_what_changed_runs(project: Path, engine: str, options: dict[str, Any]) -> None:
    def ran(**changed: dict) -> list[str]:
        return run(project, diamond(**changed), engine, options=options)

    assert sorted(ran()) == ["a", "b", "c", "d"]
    assert ran() == []
    assert ran(b={"add": 2}) == ["b", "d"]


def test_a_failure_stops_and_nothing_half_done_is_seen(project: Path, engine: str, options: dict[str, Any]) -> None:
    plan = Plan(steps=(step("a"), step("b", "a", run="fail"), step("c", "b")))
    with pytest.raises(Exception, match="planted"):
        run(project, plan, engine, options=options)
    executor = Executor(project, plan)
    assert [executor.done(n) for n in "abc"] == [True, False, False]
    assert not executor.path("b").exists()


def test_a_gate_that_says_no_is_no_fault_of_the_program(project: Path, engine: str, options: dict[str, Any]) -> None:
    plan = Plan(steps=(step("a"), step("b", "a", run="refuse")))
    with pytest.raises(GateFailed, match="planted"):
        run(project, plan, engine, options=options)


def test_the_doctor_is_content(engine: str, options: dict[str, Any]) -> None:
    assert registry.leaf(PACKAGE, engine, "ENGINE").check(options).state == "ok"


def test_unknown_options_are_refused(project: Path, engine: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="no such option"):
        run(project, diamond(), engine, options={**options, "planted": 1})
