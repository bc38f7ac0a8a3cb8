"""What the metrics of tagged tokens share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.kinds import Kind, Tagged, Tags


def counts(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
    """[tokens right in offsets and tag, tokens of the target, tokens predicted, 1]."""
    if not isinstance(target, Tags):
        raise TypeError(f"tags are needed as target, not {type(target).__name__}")
    if not isinstance(prediction, Tagged):
        raise TypeError(f"tagged tokens are needed as prediction, not {type(prediction).__name__}")
    right = dict(zip(target.tokens, target.tags, strict=True))
    matches = sum(right.get((token.start, token.end)) == token.tag for token in prediction.tokens)
    return np.array([matches, len(target.tokens), len(prediction.tokens), 1], dtype=np.float64)
