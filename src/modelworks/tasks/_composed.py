"""What tasks share that are put together from bundles and not learnt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelworks.contracts.body import Body
from modelworks.contracts.program import Program
from modelworks.core.errors import ConfigError
from modelworks.kinds import Kind

_HINT = (
    "build its starter (modelworks starters), or put bundles together: modelworks bundle join TASK BUNDLE… -o FOLDER"
)


def variable(inputs: Mapping[str, str], field: str) -> str:
    """The variable of a program that holds a field of its input."""
    return next(name for name, other in inputs.items() if other == field)


def no_program(labels: Sequence[str], body: Body) -> Program:
    """Refuses: there is no network to wrap."""
    raise ConfigError("this task is not learnt from labelled data", where="task", hint=_HINT)


def no_encoding(target: Kind, variables: Mapping[str, Any], labels: Sequence[str]) -> dict[str, np.ndarray]:
    """Refuses: there is nothing to learn."""
    raise ConfigError("this task is not learnt from labelled data", where="task", hint=_HINT)
