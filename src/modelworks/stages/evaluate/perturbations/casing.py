"""All capitals, or none."""

from __future__ import annotations

import numpy as np

from modelworks.contracts.perturbation import Perturbation
from modelworks.kinds import Edit, Kind
from modelworks.stages.evaluate.perturbations._edits import edited


def _apply(input: Kind, target: Kind | None, generator: np.random.Generator) -> tuple[Kind, Kind | None]:
    change = (str.upper, str.lower)[int(generator.integers(2))]
    # Letter by letter: some letters become two (ß, SS), and offsets must follow.
    edits = [Edit(n, n + 1, change(c)) for n, c in enumerate(input.prose()) if change(c) != c]
    return edited(input, target, edits)


PERTURBATION = Perturbation(
    name="casing", summary="the whole text in capitals or in small letters", input="text", apply=_apply
)
