"""Characters the model has hardly met: emoji, dingbats, other scripts, an invisible joiner."""

from __future__ import annotations

import numpy as np

from modelworks.contracts.perturbation import Perturbation
from modelworks.kinds import Edit, Kind
from modelworks.ops.text import split_words
from modelworks.stages.evaluate.perturbations._edits import chosen, edited, whole

SHARE = 0.1
UNSEEN = ("🦤", "🫠", "👩🏽‍🚀", "🏴‍☠️", "༄", "𓂀", "ꙮ", "⁂", "\u2060", "☞")


def _apply(input: Kind, target: Kind | None, generator: np.random.Generator) -> tuple[Kind, Kind | None]:
    """Put behind words, never inside a span."""
    free = whole(split_words(input.prose())[:, 1].tolist(), target)
    edits = [
        Edit(free[n], free[n], f" {UNSEEN[int(generator.integers(len(UNSEEN)))]}")
        for n in chosen(len(free), SHARE, generator)
    ]
    return edited(input, target, edits)


PERTURBATION = Perturbation(
    name="unseen-characters", summary="emoji and rare signs behind one of ten words", input="text", apply=_apply
)
