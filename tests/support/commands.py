"""Commands of `modelworks` in this process."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner

from modelworks.cli.main import group


def modelworks(*arguments: str) -> Any:
    """What a command prints, read when it is asked for JSON; what the command raises is raised."""
    result = CliRunner().invoke(group, list(arguments), standalone_mode=False)
    if result.exception:
        raise result.exception
    return json.loads(result.stdout) if "--json" in arguments else result.stdout
