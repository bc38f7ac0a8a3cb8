"""Parameters of the program's last operations that are found on the dev split, once the weights are known.

- `spans.bio.v1` has `outside`, how much less probable "no entity" is made: it trades precision for recall.
- `scores.softmax.v1` has `temperature` (Guo et al. 2017): it makes probabilities honest and changes no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import structs

from modelworks.contracts.program import Program

SPANS, SOFTMAX = "spans.bio.v1", "scores.softmax.v1"
OUTSIDE = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
_TEMPERATURES = np.geomspace(0.25, 8.0, 141)


def has(program: Program, op: str) -> bool:
    """Whether the program calls an op."""
    return any(call.op == op for call in program.calls)


def setting(program: Program, op: str, name: str, value: float) -> Program:
    """The program with a parameter of an op changed."""
    calls = tuple(
        structs.replace(call, params={**call.params, name: value}) if call.op == op else call for call in program.calls
    )
    return structs.replace(program, calls=calls)


def candidates(program: Program) -> list[Program]:
    """The programs a dev score is the best of."""
    if not has(program, SPANS):
        return [program]
    return [setting(program, SPANS, "outside", value) for value in OUTSIDE]


def temperature(logits: np.ndarray, labels: Sequence[int] | np.ndarray) -> float:
    """The temperature in [0.25, 8] with the least negative log-likelihood of `labels` [N] under `logits` [N, C]."""
    rows = np.arange(len(logits))

    def loss(value: float) -> float:
        scaled = logits.astype(np.float64) / value
        highest = scaled.max(axis=1)
        total = np.log(np.exp(scaled - highest[:, None]).sum(axis=1)) + highest
        return float(np.mean(total - scaled[rows, np.asarray(labels)]))

    return round(float(min(_TEMPERATURES, key=loss)), 3)


def found(program: Program) -> dict[str, Any]:
    """The calibrated parameters a program holds, for its provenance."""
    names = {SPANS: "outside", SOFTMAX: "temperature"}
    return {
        names[call.op]: call.params[names[call.op]]
        for call in program.calls
        if call.op in names and names[call.op] in call.params
    }
