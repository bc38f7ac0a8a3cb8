"""The end of the text is missing."""

from __future__ import annotations

import numpy as np

from modelworks.contracts.perturbation import Perturbation
from modelworks.kinds import Kind, Spans, Text
from modelworks.ops.text import split_words
from modelworks.stages.evaluate.perturbations._edits import Edit, edited

LEAST = 0.6


def _apply(input: Kind, target: Kind | None, generator: np.random.Generator) -> tuple[Kind, Kind | None]:
    """Cuts behind a word, at least `LEAST` of the words stay, and never inside a span."""
    assert isinstance(input, Text)
    spans = target.spans if isinstance(target, Spans) else ()
    ends = split_words(input.text)[:, 1].tolist()
    ends = ends[max(1, int(len(ends) * LEAST)) - 1 :]
    whole = [end for end in ends if not any(span.start < end < span.end for span in spans)]
    if not whole:
        return input, target
    end = whole[int(generator.integers(len(whole)))]
    return edited(input, target, [Edit(end, len(input.text), "")])


PERTURBATION = Perturbation(
    name="truncation", summary="up to four of ten words are missing at the end", input="text", apply=_apply
)
