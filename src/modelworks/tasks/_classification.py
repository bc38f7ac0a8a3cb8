"""What tasks share that give an input one label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelworks.contracts.body import Body
from modelworks.contracts.program import Call, Program
from modelworks.kinds import Kind, Label


def ranked(labels: Sequence[str], body: Body, inputs: Mapping[str, str], before: Sequence[Call] = ()) -> Program:
    """Input -> `before` -> body -> probabilities -> labels, best first."""
    rank = {"labels": list(labels)}
    return Program(
        inputs=dict(inputs),
        calls=(
            *before,
            *body.calls,
            Call(op="scores.softmax.v1", inputs=("logits",), outputs=("probabilities",)),
            Call(op="labels.rank.v1", inputs=("probabilities",), outputs=("label", "score", "ranked"), params=rank),
        ),
        outputs={"label": "label", "score": "score", "labels": "ranked"},
        length=body.length,
    )


def encode(target: Kind, variables: Mapping[str, Any], labels: Sequence[str]) -> dict[str, np.ndarray]:
    """The index of the right label."""
    assert isinstance(target, Label)
    return {"labels": np.array(list(labels).index(target.label), dtype=np.int64)}
