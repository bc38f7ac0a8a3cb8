"""Perturbation: a change of the input that should not change the answer. A leaf
`modelworks/stages/evaluate/perturbations/<name>.py` sets `PERTURBATION`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from modelworks.kinds import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Perturbation:
    """`apply(input, target, generator)` gives a changed input and the target that is right for it (offsets moved
    along). Deterministic for a given generator state."""

    name: str
    summary: str
    input: str
    """The kind it changes."""
    apply: Callable[[Kind, Kind | None, np.random.Generator], tuple[Kind, Kind | None]]
