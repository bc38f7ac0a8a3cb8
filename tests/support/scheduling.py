"""Which tests go together to one worker of pytest-xdist, in which order, on which core, and until when.

A plugin of tests/conftest.py. With `--dist loadscope --no-loadscope-reorder`:

- tests of one module go together, for they may share what is made once for it; so do tests of several modules that
  share an engine or a cluster; a slow test that shares nothing goes alone;
- what takes long comes first, so that no worker is left with it at the end.

xdist's own groups are no help: it writes them into the tests' names, which pytest 9 does not let it. So the workers,
which know the tests, write the groups into a file that the scheduler reads.

`--pin` keeps each worker, and what it starts, to a core of its own: two trainings with two threads each on two cores
wait for each other most of the time. $MODELWORKS_TESTS_UNTIL (seconds since 1970) skips what has not begun by then,
and says so.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER = {"cluster": "kubernetes", "docker": "docker", "serving_context": "docker", "ray_nodes": "ray"}
"""Fixture that starts much -> the group of all tests that ask for it; of several, the first here."""
FIRST = ("docker", "kubernetes", "ray")
"""Groups that take longest."""
REASON = 1500
"""Characters of what is told of a test that failed at its first try."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pin", action="store_true", help="keep each worker to a core of its own")


def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", None)
    if worker and config.getoption("pin"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker["workerid"].removeprefix("gw")) % len(cores)]})


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Deals out groups, as the workers have written them down."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self._file, self._groups = Path(config.stash[GROUPS].name) / "groups", dict[str, str]()

    def _split_scope(self, nodeid: str) -> str:
        self._groups = self._groups or json.loads(self._file.read_text("utf-8"))
        return self._groups[nodeid]


GROUPS = pytest.StashKey["tempfile.TemporaryDirectory[str]"]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where to write its groups."""
    if GROUPS not in node.config.stash:
        node.config.stash[GROUPS] = tempfile.TemporaryDirectory(prefix="modelworks-tests-")
    node.workerinput["groups"] = node.config.stash[GROUPS].name


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    return Scheduling(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put what takes long first, and write down the groups; all workers find the same."""
    groups = {item.nodeid: group(item) for item in items}
    long = {groups[item.nodeid] for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (groups[item.nodeid] not in FIRST, groups[item.nodeid] not in long))
    if worker := getattr(config, "workerinput", None):
        part = Path(worker["groups"]) / worker["workerid"]
        part.write_text(json.dumps(groups), "utf-8")
        part.replace(part.with_name("groups"))


def group(item: pytest.Item) -> str:
    """The name that a test has in common with those that must run in its worker."""
    for fixture, name in TOGETHER.items():
        if fixture in getattr(item, "fixturenames", ()):
            return name
    module = item.nodeid.partition("::")[0]
    alone = item.get_closest_marker("slow") or "e2e" in item.path.parts
    return item.nodeid if alone and not _shares(item) else module


def _shares(item: pytest.Item) -> bool:
    """Whether a fixture of the test outlives it and is not the whole session's."""
    found = item._fixtureinfo.name2fixturedefs.values()  # type: ignore[attr-defined]
    return any(one.scope in ("module", "class", "package") for several in found for one in several)


def pytest_runtest_setup(item: pytest.Item) -> None:
    until = float(os.environ.get("MODELWORKS_TESTS_UNTIL") or "inf")
    if time.time() > until:
        pytest.skip("no time left: $MODELWORKS_TESTS_UNTIL is over")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A table of the outside systems that were tried, so that nothing is skipped silently, and why any was twice."""
    rows: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped", "rerun"):
        for report in terminalreporter.stats.get(outcome, ()):
            folder, _, name = report.nodeid.partition("::")[0].rpartition("/")
            if folder.endswith("systems"):
                rows.setdefault(name, Counter())[outcome] += 1
    if not rows:
        return
    terminalreporter.section("outside systems")
    for name, counts in sorted(rows.items()):
        terminalreporter.write_line(f"{name:36} " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    for report in terminalreporter.stats.get("rerun", ()):
        terminalreporter.write_line(f"tried again: {report.nodeid}\n{report.longreprtext[-REASON:]}")
