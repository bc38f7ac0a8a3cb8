"""Characters as a scanner misreads them."""

from __future__ import annotations

import re

import numpy as np

from modelworks.contracts.perturbation import Perturbation
from modelworks.kinds import Edit, Kind
from modelworks.stages.evaluate.perturbations._edits import chosen, edited

SHARE = 0.06
_MISREAD = {
    "rn": "m", "m": "rn", "cl": "d", "vv": "w", "w": "vv", "o": "0", "O": "0", "l": "1", "I": "l", "S": "5", "B": "8",
    "e": "c", "g": "q", "0": "O", "1": "l", "5": "S", "8": "B",
}  # fmt: skip
_PATTERN = re.compile("|".join(sorted(_MISREAD, key=len, reverse=True)))


def _apply(input: Kind, target: Kind | None, generator: np.random.Generator) -> tuple[Kind, Kind | None]:
    places = list(_PATTERN.finditer(input.prose()))
    hit = [places[n] for n in chosen(len(places), SHARE, generator)]
    return edited(input, target, [Edit(*match.span(), _MISREAD[match[0]]) for match in hit])


PERTURBATION = Perturbation(
    name="ocr-noise", summary="a few characters misread by a scanner (rn as m, l as 1)", input="text", apply=_apply
)
