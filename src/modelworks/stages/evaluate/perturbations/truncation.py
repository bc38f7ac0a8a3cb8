"""The end of the text is missing."""

from __future__ import annotations

import numpy as np

from modelworks.contracts.perturbation import Perturbation
from modelworks.kinds import Edit, Kind
from modelworks.ops.text import split_words
from modelworks.stages.evaluate.perturbations._edits import edited, whole

LEAST = 0.6


def _apply(input: Kind, target: Kind | None, generator: np.random.Generator) -> tuple[Kind, Kind | None]:
    """Cuts behind a word, at least `LEAST` of the words stay, and never inside a span."""
    ends = split_words(input.prose())[:, 1].tolist()
    free = whole(ends[max(1, int(len(ends) * LEAST)) - 1 :], target)
    if not free:
        return input, target
    end = free[int(generator.integers(len(free)))]
    return edited(input, target, [Edit(end, len(input.prose()), "")])


PERTURBATION = Perturbation(
    name="truncation", summary="up to four of ten words are missing at the end", input="text", apply=_apply
)
