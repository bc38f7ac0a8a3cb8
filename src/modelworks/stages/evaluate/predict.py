"""Predictions of a bundle over a stream of examples: through the Predictor, as in production."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from modelworks.core.errors import DataError, RequestError
from modelworks.kinds import Example, Kind

if TYPE_CHECKING:
    from modelworks.bundle import Predictor

WINDOW = 512
"""Examples held at once."""


def predictions(predictor: Predictor, examples: Iterable[Example]) -> Iterator[tuple[Example, Kind]]:
    """(example, prediction) in the order given; holds one window of examples at a time."""
    stream = iter(examples)
    while window := list(itertools.islice(stream, WINDOW)):
        yield from zip(window, predict(predictor, window), strict=True)


def predict(predictor: Predictor, examples: Sequence[Example]) -> list[Kind]:
    """Predictions of some examples; a DataError that names the example when one cannot be answered."""
    try:
        return predictor.predict([example.input for example in examples])
    except RequestError as error:
        if len(examples) > 1:
            return [answer for example in examples for answer in predict(predictor, [example])]
        raise DataError(
            f"the bundle cannot answer this example: {error.message}",
            where=examples[0].where or examples[0].id, seen=error.seen, allowed=error.allowed, hint=error.hint,
        ) from error  # fmt: skip
