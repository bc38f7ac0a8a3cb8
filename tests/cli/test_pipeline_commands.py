"""What exported pipelines call is there: every `modelworks a b --option` is a command of ours with that option."""

from __future__ import annotations

import re

import click
import pytest

from modelworks.cli.main import group
from modelworks.contracts import target as targets
from modelworks.contracts.target import Facts

CALL = re.compile(r"""(?:^\s*|: |- |'|"|&& |! |exec )modelworks ([^'|;&>,#}\n]+)""", re.MULTILINE)


def calls(name: str) -> set[str]:
    target = targets.find(name)
    facts = Facts(name="moods", settings={}, requirement="modelworks==9.9.9", options=target.options)
    texts = (
        line for file in target.files(facts) for line in file.text.splitlines() if not re.match(r"\s*(#|//)", line)
    )
    return {call.strip() for line in texts for call in CALL.findall(line) if not call.startswith("is ")}


def fault(call: str) -> str | None:
    command: click.Command | None = group
    words = call.split()
    while isinstance(command, click.Group):
        name = words.pop(0) if words else ""
        command = command.get_command(click.Context(command), name)
        if command is None:
            return f"no command {name!r}"
    known = {option for parameter in command.params for option in parameter.opts} if command else set()
    unknown = [word for word in words if word.startswith("--") and word not in known]
    return f"no option {unknown[0]}" if unknown else None


def test_a_call_that_does_not_exist_is_found():
    assert fault("bundle pack champion x.zip") == "no command 'pack'"
    assert fault("run --untill gate") == "no option --untill"


@pytest.mark.parametrize("name", ["git", "github", "gitlab", "circleci", "jenkins"])
def test_calls(name):
    found = calls(name)
    assert found
    assert {call: fault(call) for call in found if fault(call)} == {}
    if name != "git":
        assert "export --check" in found
        assert any(call.startswith("bundle export champion") for call in found)
