"""Parameters of the program's last operations that are found on the dev split, once the weights are known.

- `spans.bio` has `outside`, how much less probable "no entity" is made: it trades precision for recall.
- `scores.softmax` and `scores.sigmoid` have `temperature` (Guo et al. 2017): it makes probabilities honest and changes
  no order of answers.
- `sentences.choose` has `sentences`, how many make a summary.
- `labels.choose` has `thresholds`, for each label the probability from which on it is chosen: best F1 of the label.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import structs

from modelworks.contracts.program import Program

OUTSIDE = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
SCORES, CHOOSE = ("scores.softmax.v1", "scores.sigmoid.v1"), "labels.choose.v1"
_TRIED: dict[str, tuple[str, Sequence[float]]] = {
    "spans.bio.v1": ("outside", OUTSIDE), "spans.bio.v2": ("outside", OUTSIDE),
    CHOOSE: ("thresholds", (0.5, 0.4, 0.3, 0.2)), "sentences.choose.v1": ("sentences", (1, 2, 3, 4, 5)),
}  # fmt: skip
"""Op -> parameter, and its values of which a dev score is the best."""
_TEMPERATURES = np.geomspace(0.25, 8.0, 141)
_THRESHOLDS = np.round(np.arange(0.05, 0.951, 0.01), 2)
_FEW = 5
"""Examples of a label from which on it has a threshold of its own."""


def has(program: Program, op: str) -> bool:
    """Whether the program calls an op."""
    return any(call.op == op for call in program.calls)


def setting(program: Program, op: str, name: str, value: Any) -> Program:
    """The program with a parameter of an op changed."""
    calls = tuple(
        structs.replace(call, params={**call.params, name: value}) if call.op == op else call for call in program.calls
    )
    return structs.replace(program, calls=calls)


def candidates(program: Program) -> list[Program]:
    """The programs a dev score is the best of."""
    for op, (name, values) in _TRIED.items():
        if has(program, op):
            return [setting(program, op, name, value) for value in values]
    return [program]


def wanted(program: Program) -> bool:
    """Whether `finished` has anything to find."""
    return any(has(program, op) for op in SCORES)


def finished(program: Program, logits: np.ndarray, labels: np.ndarray) -> Program:
    """The program with the temperature, and the thresholds if it chooses labels, that suit logits [N, C] and their
    labels: int64 [N], or float32 [N, C] of yes and no."""
    value = temperature(logits, labels)
    for op in SCORES:
        program = setting(program, op, "temperature", value)
    if has(program, CHOOSE):
        chances = 1 / (1 + np.exp(-logits.astype(np.float64) / value))
        program = setting(program, CHOOSE, "thresholds", thresholds(chances, labels > 0.5))
    return program


def temperature(logits: np.ndarray, labels: Sequence[int] | np.ndarray) -> float:
    """The temperature in [0.25, 8] with the least negative log-likelihood of `labels` (as in `finished`) under
    `logits` [N, C]."""
    known, scores = np.asarray(labels), logits.astype(np.float64)
    loss = _yes_no if known.dtype.kind == "f" else _one_of
    return round(float(min(_TEMPERATURES, key=lambda value: loss(scores / value, known))), 3)


def _one_of(scaled: np.ndarray, labels: np.ndarray) -> float:
    highest = scaled.max(axis=1)
    total = np.log(np.exp(scaled - highest[:, None]).sum(axis=1)) + highest
    return float(np.mean(total - scaled[np.arange(len(scaled)), labels]))


def _yes_no(scaled: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(np.logaddexp(0, scaled) - scaled * labels))


def thresholds(chances: np.ndarray, right: np.ndarray) -> list[float]:
    """For each label the threshold of the best F1 over chances [N, C] and truth bool [N, C]; a rare label takes that
    of all labels together. Of equal ones the nearest to a half."""
    common = _threshold(chances.ravel(), right.ravel())
    pairs = zip(chances.T, right.T, strict=True)
    return [_threshold(some, truth) if truth.sum() >= _FEW else common for some, truth in pairs]


def _threshold(chances: np.ndarray, right: np.ndarray) -> float:
    chosen = chances[:, None] >= _THRESHOLDS
    f1 = 2 * (chosen & right[:, None]).sum(axis=0) / np.maximum(1, chosen.sum(axis=0) + right.sum())
    best = _THRESHOLDS[f1 >= f1.max() - 1e-12]
    return float(best[np.abs(best - 0.5).argmin()])


def found(program: Program) -> dict[str, Any]:
    """The calibrated parameters a program holds, for its provenance."""
    names = {op: name for op, (name, _) in _TRIED.items()} | dict.fromkeys(SCORES, "temperature")
    return {
        names[call.op]: call.params[names[call.op]]
        for call in program.calls
        if call.op in names and names[call.op] in call.params
    }
