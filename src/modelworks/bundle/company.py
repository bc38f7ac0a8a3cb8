"""Whether an answer depends on its company: the rows that share its graph call.

An engine may take another path for one row than for many, sum a longer (padded) axis in another order, or scale a
quantization over the whole batch. Then the same input would give other bytes alone than in company. So when a bundle
is opened, the inputs of its self-test run alone and together, what the graphs say is compared bit by bit, and the
cheapest rule that makes company invisible is kept (docs/decisions/0003-same-bytes.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

import numpy as np

from modelworks.bundle.interpreter import Interpreter, Row
from modelworks.core.errors import ModelworksError
from modelworks.kinds import Kind

Company = Literal["any", "two", "none"]
"""Rows may share a call with any others; with any others, but never alone (a lone row runs twice); with none."""

_WORDS = range(9, 17)
"""Lengths that are tried, in words: as many tokens or a few times that."""


def choose(interpreter: Interpreter, inputs: Sequence[Kind]) -> Company:
    """The cheapest rule under which the graphs' answers for `inputs` do not depend on company.

    Shorter values (a text's first word) are tried too, because one position alone may take another path, and one of
    the inputs at several lengths. Nothing can be learnt from fewer than two inputs: then rows keep to themselves."""
    if len(inputs) < 2:
        return "none"
    short = [value for value in (given.shorter() for given in inputs) if value is not None]
    rows = interpreter.prepare([*inputs, *short])
    parts = [part for part in (rows, rows[: len(rows) // 2 + 1], _of_lengths(interpreter, inputs)) if part]
    together = [(part, answers(interpreter, part)) for part in parts]

    def holds(copies: int) -> bool:
        alone = cache(lambda row: answers(interpreter, [row] * copies))  # most rows stand in two parts
        return all(_agree(seen, i, alone(row)) for part, seen in together for i, row in enumerate(part))

    return "any" if holds(1) else "two" if holds(2) else "none"


def _of_lengths(interpreter: Interpreter, inputs: Sequence[Kind]) -> list[Row]:
    """Rows of middling lengths that leave each remainder by four, and a longer one that they are padded to: kernels
    add in fours, and ONNX Runtime's `ReduceSum` took another way for 11 and 15 positions than for 8 to 10 and 12."""
    longest = max(inputs, key=lambda value: value.size())
    values = [value for value in map(longest.resized, (*_WORDS, 3 * max(_WORDS))) if value is not None]
    try:
        rows = interpreter.prepare(values)
    except ModelworksError:  # a bundle that takes no text so long meets none
        return []
    return [*{row.length % 4: row for row in rows[:-1]}.values(), *rows[-1:]]


def answers(interpreter: Interpreter, rows: Sequence[Row]) -> list[Sequence[Any]]:
    """What the graphs leave for a batch of rows: one column (an item a row) for each variable."""
    seen: list[Sequence[Any]] = []
    interpreter.finish(rows, told=seen.append)
    return seen or [[None] * len(rows)]


def finish(interpreter: Interpreter, rows: Sequence[Row], company: Company) -> list[Kind]:
    """Predictions of rows under a rule, in order."""
    if company == "none" and len(rows) > 1:
        return [interpreter.finish([row])[0] for row in rows]
    if company == "two" and len(rows) == 1:
        return interpreter.finish([rows[0], rows[0]])[:1]
    return interpreter.finish(rows)


def _agree(columns: list[Sequence[Any]], i: int, alone: list[Sequence[Any]]) -> bool:
    return all(_same(column[i], other[0]) for column, other in zip(columns, alone, strict=True))


def _same(among: Any, alone: Any) -> bool:
    """Bit by bit; what padding added to the row among others is left out."""
    if not isinstance(alone, np.ndarray) or not isinstance(among, np.ndarray):
        return bool(np.all(among == alone))
    if among.ndim != alone.ndim:
        return False
    return np.array_equal(among[tuple(slice(n) for n in alone.shape)], alone)
