"""From the logits of a reader to answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelworks.contracts.op import Tools, op
from modelworks.kinds import Answer


@op("answers.span.v1")
def span(
    tools: Tools, logits: Sequence[np.ndarray], nothing: Sequence[np.ndarray], units: Sequence[np.ndarray],
    contexts: Sequence[str], *, most: int = 5, longest: int = 30, shift: float = 0.0,
) -> tuple[list[str], list[float], list[int], list[int], list[tuple[Answer, ...]]]:  # fmt: skip
    """The best answer of each context (text, score, start, end) and its `most` best candidates, with "no answer", whose
    text is empty, always among them.

    From logits [T, 2] (the answer begins, ends here) of the units with offsets [T, 2], and [2] of "no answer". A
    candidate is a run of at most `longest` units; its logit is the sum of its two. `shift`, found on the dev split, is
    added to the logit of "no answer". A score is the candidate's probability among all of them."""
    rows = zip(logits, nothing, units, contexts, strict=True)
    found = [_candidates(*row, most, longest, shift) for row in rows]
    best = [row[0] for row in found]
    return (
        [one.answer for one in best], [one.score for one in best], [one.start for one in best],
        [one.end for one in best], found,
    )  # fmt: skip


def _candidates(
    logits: np.ndarray, nothing: np.ndarray, units: np.ndarray, context: str, most: int, longest: int, shift: float
) -> tuple[Answer, ...]:
    scores = _runs(np.asarray(logits, dtype=np.float64), units, longest)
    none = float(nothing.sum()) + shift
    highest = max(none, float(scores.max(initial=-np.inf)))
    total = np.exp(scores - highest).sum() + np.exp(none - highest)
    chosen = scores.ravel().argsort(kind="stable")[::-1][: max(most - 1, 1)].tolist()
    answers = [Answer("", round(float(np.exp(none - highest) / total), 6), 0, 0)]
    for place in chosen:
        first, length = divmod(place, longest)
        if np.isfinite(scores[first, length]):
            a, b = int(units[first, 0]), int(units[first + length, 1])
            score = round(float(np.exp(scores[first, length] - highest) / total), 6)
            answers.append(Answer(context[a:b], score, a, b))
    return tuple(sorted(answers, key=lambda one: -one.score))


def _runs(logits: np.ndarray, units: np.ndarray, longest: int) -> np.ndarray:
    """Logits [T, longest] of runs that begin at a unit, by their length less one; -inf for those that are none."""
    count = len(units)
    scores = np.full((count, longest), -np.inf)
    empty = units[:, 0] >= units[:, 1]
    starts = np.where(empty, -np.inf, logits[:, 0]) if count else np.empty(0)
    ends = np.where(empty, -np.inf, logits[:, 1]) if count else np.empty(0)
    for length in range(min(longest, count)):
        scores[: count - length, length] = starts[: count - length] + ends[length:]
    return scores
