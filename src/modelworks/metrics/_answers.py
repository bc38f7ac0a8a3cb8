"""SQuAD's normal form of an answer (Rajpurkar et al. 2016; evaluate-v2.0.py), and its two scores."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from modelworks.kinds import Accepted, Answers, Kind, Sourced

_PUNCTUATION = set(string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)


def normal(text: str) -> str:
    """Lower case, without ASCII punctuation, articles and surplus white space."""
    lowered = "".join(character for character in text.lower() if character not in _PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", lowered).split())


def exact(accepted: str, answer: str) -> float:
    """1 when both are the same in normal form."""
    return float(normal(accepted) == normal(answer))


def f1(accepted: str, answer: str) -> float:
    """Harmonic mean of precision and recall of the words in normal form; where one has none, whether both have none."""
    wanted, found = normal(accepted).split(), normal(answer).split()
    if not wanted or not found:
        return float(wanted == found)
    same = sum((Counter(wanted) & Counter(found)).values())
    if not same:
        return 0.0
    precision, recall = same / len(found), same / len(wanted)
    return 2 * precision * recall / (precision + recall)


def best(score: Callable[[str, str], float]) -> Callable[..., np.ndarray]:
    """Statistics [score, 1]: the best over the accepted answers; where there is none, over the empty one."""

    def statistics(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
        if not isinstance(target, Accepted) or not isinstance(prediction, Answers | Sourced):
            raise TypeError(f"answers are scored, not {type(target).__name__} and {type(prediction).__name__}")
        texts = [answer.text for answer in target.answers if normal(answer.text)] or [""]
        return np.array([max(score(text, prediction.answer) for text in texts), 1.0])

    return statistics
