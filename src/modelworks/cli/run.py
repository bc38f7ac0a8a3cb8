"""`modelworks run`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from modelworks.cli import _project
from modelworks.core import files, lock
from modelworks.pipeline.execute import Executor
from modelworks.pipeline.store import RECORD


@click.command()
@click.option("--until", metavar="STEP", help="Stop after this step.")
@click.option("--force", metavar="STEP", multiple=True, help="Make this step again even if nothing changed.")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Override a key of modelworks.yaml.")
@click.option("--skip-bad", is_flag=True, help="Leave out examples that cannot be used, counted and listed.")
@click.option("--engine", metavar="NAME", help="What orders the steps (default: that of modelworks.yaml).")
@click.option("--verdict", metavar="FOLDER", help="Copy the gate's verdict there (JUnit, HTML, Markdown, metrics).")
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def command(
    until: str | None, force: tuple[str, ...], overrides: tuple[str, ...], skip_bad: bool, engine: str | None,
    verdict: str | None, as_json: bool,
) -> int:  # fmt: skip
    """Run the plan: prepare, train, export, optimize, evaluate, gate, release.

    Steps whose inputs, parameters and code did not change are taken from the store. Exit code 1: the gate says no."""
    overrides += ("data.skip_bad=true",) if skip_bad else ()
    settings, executor = _project.executor(overrides)
    for name in force:
        executor.step(name)
        executor.force(name)
    plan = executor.plan
    if until is not None:
        executor.step(until)
        plan = _project.until(plan, until)
    todo = [step.name for step in plan.steps if not _settled(executor, step.name)]
    if todo:
        if "release" in todo and executor.done("release"):
            executor.force("release")  # the lock, or the bundle that it names, is gone: make both anew from the store
        from modelworks.cli._run import work

        executor = work(settings, overrides, until, engine, quiet=as_json)
    if verdict is not None and plan.step("gate") is not None and executor.done("gate"):
        _copy(executor, Path(verdict))
    return _tell(executor, todo, judged=plan.step("gate") is not None, as_json=as_json)


def _copy(executor: Executor, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in executor.path("gate").iterdir():
        if path.is_file() and path.name != RECORD:
            files.write_bytes(folder / path.name, path.read_bytes())


def _settled(executor: Executor, name: str) -> bool:
    """Whether the step has nothing to do: its artifact is there, or it is a release that the verdict refused."""
    if name != "release":
        return executor.done(name)
    if not executor.done("gate"):
        return False
    if not executor.record("gate").facts["passed"]:
        return True
    bundle = str(executor.record("optimize").facts.get("bundle"))
    if not executor.done(name) or all(pin.bundle != bundle for pin in lock.read(executor.project).releases):
        return False
    from modelworks import lifecycle

    return lifecycle.bring_bundle(executor.project, executor.store, bundle).is_dir()


def _tell(executor: Executor, ran: list[str], judged: bool, as_json: bool) -> int:
    """Print the outcome; the exit code. `judged`: whether the gate was among the steps that were asked for."""
    known = judged and executor.done("gate")
    verdict = executor.record("gate").facts if known else None
    passed = verdict is None or bool(verdict["passed"])
    if as_json:
        steps: dict[str, Any] = {
            s.name: executor.record(s.name).facts
            for s in executor.plan.steps if executor.done(s.name)
        }  # fmt: skip
        click.echo(json.dumps({"ran": ran, "passed": passed, "steps": steps}, ensure_ascii=False))
    elif not ran:
        click.echo("Nothing changed: nothing to do." + (f" {_state(executor, verdict)}" if verdict else ""))
    return 0 if passed else 1


def _state(executor: Executor, verdict: dict[str, Any]) -> str:
    if not verdict["passed"]:
        return f"The gate said no: {verdict['words']}"
    pin = lock.read(executor.project).pin("champion")
    return f"Champion: release {pin.version}, bundle {pin.bundle[:12]}." if pin else ""
