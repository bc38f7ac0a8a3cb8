import subprocess
import sys
from pathlib import Path

import pytest
from planted_plans import diamond, run, step

from modelworks.contracts.step import Plan
from modelworks.core.errors import StepError
from modelworks.pipeline import explain
from modelworks.pipeline.execute import Executor
from modelworks.pipeline.keys import all_keys


def test_full_disk_says_what_to_do(project: Path) -> None:
    with pytest.raises(StepError, match="No space left") as caught:
        Executor(project, Plan(steps=(step("a", run="full"),))).execute("a")
    assert "finished steps are kept" in caught.value.hint


def test_inputs_must_be_there(project: Path) -> None:
    with pytest.raises(StepError, match="needs a first"):
        Executor(project, diamond()).execute("b")


def test_unknown_step_names_the_nearest(project: Path) -> None:
    with pytest.raises(StepError, match="no step"):
        Executor(project, diamond()).execute("e")


def test_force_makes_it_again(project: Path) -> None:
    run(project, diamond())
    Executor(project, diamond()).force("c")
    assert run(project, diamond()) == ["c"]


CHILD = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from planted_plans import Executor, Plan, step
print(Executor(Path.cwd(), Plan(steps=(step("a", run={run!r}),))).execute("a").facts)
"""


def child(project: Path, run: str) -> subprocess.Popen:
    code = CHILD.format(tests=str(Path(__file__).parent.parent / "support"), run=run)
    return subprocess.Popen([sys.executable, "-c", code], cwd=project, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_killed_step_goes_on_from_its_scratch(project: Path) -> None:
    first = child(project, "killed_once")
    first.communicate()
    assert first.returncode == -9
    second = child(project, "killed_once")
    assert "'resumed_from': '7'" in second.communicate()[0]
    executor = Executor(project, Plan(steps=(step("a", run="killed_once"),)))
    assert (executor.path("a") / "n").read_text() == "1"
    assert not list((executor.store.root / "tmp").iterdir())


@pytest.mark.slow
def test_two_runs_at_once_do_the_work_once(project: Path) -> None:
    runs = [child(project, "slow") for _ in range(3)]
    outputs = [r.communicate()[0] for r in runs]
    assert len(set(outputs)) == 1
    assert (project / "diary").read_text() == "a\n"


def test_unkeyed_parameters_do_not_change_the_key() -> None:
    import msgspec

    one = diamond()
    other = Plan(steps=tuple(msgspec.structs.replace(s, unkeyed={"server": "elsewhere"}) for s in one.steps))
    assert all_keys(one) == all_keys(other)


def test_why_names_the_change(project: Path) -> None:
    assert "has not run" in explain.words(explain.why(Executor(project, diamond()), "d"))
    run(project, diamond(b={"names": ("x",)}))
    same = explain.why(Executor(project, diamond(b={"names": ("x",), "add": 5})), "b")
    assert [c.what for c in same.changes] == ["params.add"]  # a tuple is what JSON has as a list
    run(project, diamond())
    assert "up to date" in explain.words(explain.why(Executor(project, diamond()), "d"))
    changed = explain.why(Executor(project, diamond(b={"add": 5})), "b")
    assert [(c.what, c.before, c.now) for c in changed.changes] == [("params.add", None, 5)]
    downstream = explain.why(Executor(project, diamond(b={"add": 5})), "d")
    assert [c.what for c in downstream.changes] == ["inputs.b"]


def test_collect_keeps_what_the_plan_was_made_from(project: Path) -> None:
    run(project, diamond())
    run(project, diamond(b={"add": 2}))
    executor = Executor(project, diamond())
    live = [("d", executor.keys["d"])]
    assert {s for s, _, _ in executor.store.collect(live, dry_run=True)} == {"b", "d"}
    assert {s for s, _, _ in executor.store.collect(live)} == {"b", "d"}
    assert run(project, diamond()) == []
    assert executor.store.collect(live) == []
