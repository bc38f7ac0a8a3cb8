"""ROUGE (Lin 2004) as the `rouge-score` package 0.1.2 counts it, with stemming; of several references the best."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from modelworks.contracts.metric import Metric, additive
from modelworks.kinds import Kind, References, Written
from modelworks.metrics._porter import stem

_OTHER = re.compile(r"[^a-z0-9]+")
Score = Callable[[str, str], float]
"""(reference, summary) -> F-measure in [0, 1]."""


def tokens(text: str) -> list[str]:
    """Runs of ASCII letters and digits, lower-cased; those over three characters stemmed."""
    return [stem(word) if len(word) > 3 else word for word in _OTHER.split(text.lower()) if word]


def measure(shared: int, wanted: int, given: int) -> float:
    """F-measure of so many shared units, with so many in the reference and in the summary."""
    return 2 * shared / (wanted + given) if shared else 0.0


def overlap(size: int) -> Score:
    """ROUGE-N: shared n-grams."""

    def score(reference: str, summary: str) -> float:
        wanted, given = _grams(tokens(reference), size), _grams(tokens(summary), size)
        return measure((wanted & given).total(), wanted.total(), given.total())

    return score


def _grams(words: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[start:] for start in range(size)), strict=False))


def longest(reference: str, summary: str) -> float:
    """ROUGE-L: the longest common subsequence of words."""
    wanted, given = tokens(reference), tokens(summary)
    return measure(int(_table(wanted, given)[-1, -1]), len(wanted), len(given))


def longest_by_lines(reference: str, summary: str) -> float:
    """ROUGE-Lsum: for each line of the reference the words that are in a longest common subsequence with any line of
    the summary; each word counts as often as both texts have it."""
    wanted, given = ([tokens(line) for line in text.split("\n")] for text in (reference, summary))
    left = [Counter(word for line in lines for word in line) for lines in (wanted, given)]
    sizes = [counts.total() for counts in left]
    shared = 0
    for line in wanted:
        for at in sorted(set().union(*(_common(line, other) for other in given))):
            if all(counts[line[at]] > 0 for counts in left):
                shared += 1
                for counts in left:
                    counts[line[at]] -= 1
    return measure(shared, *sizes)


def _table(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
    """Lengths of the longest common subsequences of all beginnings, int32 [len(first) + 1, len(second) + 1]."""
    names = {word: number for number, word in enumerate({*first, *second})}
    columns = np.array([names[word] for word in second], dtype=np.int64)
    table = np.zeros((len(first) + 1, len(second) + 1), dtype=np.int32)
    for row, word in enumerate(first, 1):
        diagonal = table[row - 1, :-1] + (columns == names[word])
        np.maximum(diagonal, table[row - 1, 1:], out=table[row, 1:])
        np.maximum.accumulate(table[row], out=table[row])
    return table


def _common(line: Sequence[str], other: Sequence[str]) -> set[int]:
    """Places in `line` of one longest common subsequence with `other`; of several the one `rouge-score` takes."""
    table = _table(line, other)
    row, column = len(line), len(other)
    found = set()
    while row and column:
        if line[row - 1] == other[column - 1]:
            found.add(row - 1)
            row, column = row - 1, column - 1
        elif table[row, column - 1] > table[row - 1, column]:
            column -= 1
        else:
            row -= 1
    return found


def best(score: Score, references: Sequence[str], summary: str) -> float:
    """The score against the reference that it is highest for."""
    return max((score(reference, summary) for reference in references), default=0.0)


_SCHEME = "stemmer:porter-nltk|tokens:a-z0-9|references:max|measure:f|as:rouge-score-0.1.2|v1"


def metric(name: str, score: Score, text: Callable[[Written, Kind | None], str] | None = None) -> Metric:
    """Mean over examples of the best F-measure. `text` gives the words that are scored; those written by default."""

    def statistics(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
        if not isinstance(target, References) or not isinstance(prediction, Written):
            raise TypeError("ROUGE compares what was written with references")
        summary = prediction.text if text is None else text(prediction, input)
        return np.array([best(score, target.references, summary), 1.0])

    return Metric(
        name=name, signature=f"{name}|{_SCHEME}", higher_is_better=True, statistics=statistics, score=additive(_mean)
    )


def _mean(sums: np.ndarray) -> np.ndarray:
    return np.asarray(sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], np.nan))
