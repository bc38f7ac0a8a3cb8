"""The Porter stemmer (M. F. Porter 1980, An algorithm for suffix stripping) with the changes of NLTK, which the
`rouge-score` package uses: short words stay, a few irregular forms, `-ies` and `-ied` of four-letter words,
`-y` behind consonants, `-alli`, `-fulli`, `-logi`."""

from __future__ import annotations

import functools
from collections.abc import Callable

_IRREGULAR = {
    form: stem
    for stem, forms in {
        "sky": ["sky", "skies"], "die": ["dying"], "lie": ["lying"], "tie": ["tying"], "news": ["news"],
        "inning": ["innings", "inning"], "outing": ["outings", "outing"], "canning": ["cannings", "canning"],
        "howe": ["howe"], "proceed": ["proceed"], "exceed": ["exceed"], "succeed": ["succeed"],
    }.items()
    for form in forms
}  # fmt: skip
Rule = tuple[str, str, Callable[[str], bool] | None]
"""Suffix, what takes its place, condition on the stem before it."""


@functools.lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The stem of a lower-cased English word."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 2:
        return word
    for step in (_step1a, _step1b, _step1c, _step2, _step3, _step4, _step5a, _step5b):
        word = step(word)
    return word


def _consonant(word: str, at: int) -> bool:
    if word[at] in "aeiou":
        return False
    return word[at] != "y" or at == 0 or not _consonant(word, at - 1)


def _measure(stem: str) -> int:
    kinds = "".join("c" if _consonant(stem, at) else "v" for at in range(len(stem)))
    return kinds.count("vc")


def _some(stem: str) -> bool:
    return _measure(stem) > 0


def _more(stem: str) -> bool:
    return _measure(stem) > 1


def _vowel(stem: str) -> bool:
    return any(not _consonant(stem, at) for at in range(len(stem)))


def _double(word: str) -> bool:
    return len(word) >= 2 and word[-1] == word[-2] and _consonant(word, len(word) - 1)


def _cvc(word: str) -> bool:
    last = len(word) - 1
    if len(word) == 2:  # NLTK
        return not _consonant(word, 0) and _consonant(word, 1)
    return (
        len(word) >= 3 and _consonant(word, last - 2) and not _consonant(word, last - 1) and _consonant(word, last)
        and word[last] not in "wxy"
    )  # fmt: skip


def _first(word: str, rules: tuple[Rule, ...]) -> str:
    """The first rule whose suffix is there decides, whether its condition holds or not."""
    for suffix, new, condition in rules:
        if word.endswith(suffix):
            before = word[: len(word) - len(suffix)]
            return before + new if condition is None or condition(before) else word
    return word


def _step1a(word: str) -> str:
    if word.endswith("ies") and len(word) == 4:
        return word[:-3] + "ie"
    return _first(word, (("sses", "ss", None), ("ies", "i", None), ("ss", "ss", None), ("s", "", None)))


def _step1b(word: str) -> str:
    if word.endswith("ied"):
        return word[:-3] + ("ie" if len(word) == 4 else "i")
    if word.endswith("eed"):
        return word[:-3] + "ee" if _some(word[:-3]) else word
    for suffix in ("ed", "ing"):
        if word.endswith(suffix) and _vowel(word[: -len(suffix)]):
            return _mended(word[: -len(suffix)])
    return word


def _mended(word: str) -> str:
    """After `-ed` or `-ing`."""
    for suffix, new in (("at", "ate"), ("bl", "ble"), ("iz", "ize")):
        if word.endswith(suffix):
            return word[: -len(suffix)] + new
    if _double(word):
        return word if word[-1] in "lsz" else word[:-1]
    return word + "e" if _measure(word) == 1 and _cvc(word) else word


def _step1c(word: str) -> str:
    stem = word[:-1]
    return stem + "i" if word.endswith("y") and len(stem) > 1 and _consonant(stem, len(stem) - 1) else word


def _step2(word: str) -> str:
    if word.endswith("alli") and _some(word[:-4]):
        return _step2(word[:-4] + "al")
    rules: tuple[Rule, ...] = tuple((suffix, new, _some) for suffix, new in _STEP2)
    return _first(word, (*rules, ("fulli", "ful", _some), ("logi", "log", lambda _: _some(word[:-3]))))


_STEP2 = (
    ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble"),
    ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"),
    ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"),
    ("iviti", "ive"), ("biliti", "ble"),
)  # fmt: skip
_STEP3 = (
    ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""),
)  # fmt: skip
_STEP4 = ("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate",
          "iti", "ous", "ive", "ize")  # fmt: skip


def _step3(word: str) -> str:
    return _first(word, tuple((suffix, new, _some) for suffix, new in _STEP3))


def _step4(word: str) -> str:
    def ion(stem: str) -> bool:
        return _more(stem) and stem[-1] in "st"

    return _first(word, tuple((suffix, "", ion if suffix == "ion" else _more) for suffix in _STEP4))


def _step5a(word: str) -> str:
    if not word.endswith("e"):
        return word
    stem = word[:-1]
    return stem if _more(stem) or (_measure(stem) == 1 and not _cvc(stem)) else word


def _step5b(word: str) -> str:
    return _first(word, (("ll", "l", lambda _: _more(word[:-1])),))
