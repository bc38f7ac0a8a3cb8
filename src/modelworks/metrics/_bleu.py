"""Corpus BLEU (Papineni et al. 2002) as sacreBLEU 2 counts it (Post 2018): tokenizer 13a, smoothing `exp`."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from modelworks.contracts.metric import Statistics
from modelworks.kinds import Kind, References, Written

ORDER = 4
_RULES = (
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))


def texts(target: Kind, prediction: Kind) -> tuple[tuple[str, ...], str]:
    """(references, what was written)."""
    if not isinstance(target, References) or not isinstance(prediction, Written):
        seen = f"{type(target).__name__} and {type(prediction).__name__}"
        raise TypeError(f"references and a written text are needed, not {seen}")
    return target.references, prediction.text


@lru_cache(maxsize=2**16)
def tokens(text: str) -> tuple[str, ...]:
    """Tokens of mteval-v13a, as WMT counts them."""
    line = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, character in _ENTITIES:
        line = line.replace(entity, character)
    line = f" {line} "
    for rule, by in _RULES:
        line = rule.sub(by, line)
    return tuple(line.split())


def ngrams(words: Sequence[str]) -> Counter[tuple[str, ...]]:
    """All n-grams of 1 to 4 words."""
    return Counter(tuple(words[i : i + n]) for n in range(1, ORDER + 1) for i in range(len(words) - n + 1))


def counter(lower: bool) -> Statistics:
    """Per-sentence statistics float64 [10]: length written, length of the reference nearest to it, matches of 1- to
    4-grams, and how many of each were written."""

    def statistics(target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None) -> np.ndarray:
        references, written = texts(target, prediction)
        if lower:
            references, written = tuple(text.lower() for text in references), written.lower()
        return _counts(tokens(written), [tokens(text) for text in references])

    return statistics


def _counts(written: tuple[str, ...], references: Sequence[tuple[str, ...]]) -> np.ndarray:
    allowed: Counter[tuple[str, ...]] = Counter()
    for reference in references:
        allowed |= ngrams(reference)
    lengths = [len(reference) for reference in references]
    nearest = min(lengths, key=lambda length: (abs(length - len(written)), length))
    counts = np.zeros(2 + 2 * ORDER)
    counts[:2] = len(written), nearest
    for gram, count in ngrams(written).items():
        counts[1 + len(gram)] += min(count, allowed[gram])
        counts[1 + ORDER + len(gram)] += count
    return counts


def combine(sums: np.ndarray) -> np.ndarray:
    """Sums of statistics [r, 10] -> BLEU [r], 0 to 100."""
    return np.array([_bleu(row) for row in sums])


def _bleu(row: np.ndarray) -> float:
    written, reference = float(row[0]), float(row[1])
    right, total = row[2 : 2 + ORDER], row[2 + ORDER :]
    if reference == 0 and written == 0:
        return math.nan
    if not right.any() or not total.all():
        return 0.0
    smooth, logs = 1.0, 0.0
    for matches, count in zip(right.tolist(), total.tolist(), strict=True):
        if matches == 0:
            smooth *= 2
            logs += math.log(100 / (smooth * count))
        else:
            logs += math.log(100 * matches / count)
    brevity = 1.0 if written >= reference else math.exp(1 - reference / written)
    return brevity * math.exp(logs / ORDER)
