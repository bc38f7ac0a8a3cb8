"""The outside surface is frozen by a diff: command-line help, the configuration's schema, its page.

To accept a meant change: `pytest tests/golden --snapshot-update`, and read the diff."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import msgspec
import pytest
from syrupy.assertion import SnapshotAssertion

from modelworks.cli.main import COMMANDS, group
from modelworks.core.config import Project

# click remembers a command's options from its first call, so help is asked in a process that did nothing else
ASK = """
import json, sys
from click.testing import CliRunner
from modelworks.cli.main import group
ask = lambda path: CliRunner(env={"COLUMNS": "110"}).invoke(group, [*path, "--help"], prog_name="modelworks").output
print(json.dumps([ask(path) for path in json.loads(sys.argv[1])]))
"""


def commands(command: click.Command, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            found += commands(inner, (*path, name))
    return found


PATHS = commands(group)


@pytest.fixture(scope="module")
def helps() -> dict[tuple[str, ...], str]:
    done = subprocess.run([sys.executable, "-c", ASK, json.dumps(PATHS)], capture_output=True, text=True, check=True)
    return dict(zip(PATHS, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help(path: tuple[str, ...], helps: dict[tuple[str, ...], str], snapshot: SnapshotAssertion) -> None:
    assert helps[path] == snapshot


@pytest.mark.parametrize("name", COMMANDS)
def test_listed_line_is_the_commands_own(name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    assert command.get_short_help_str(200).rstrip(".") == COMMANDS[name].rstrip(".")


def test_configuration_schema(snapshot: SnapshotAssertion) -> None:
    assert json.dumps(msgspec.json.schema(Project), indent=1, sort_keys=True) == snapshot


def test_the_configuration_page_is_current() -> None:
    script = Path(__file__).parent.parent.parent / "scripts" / "write_configuration.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
