"""Lemmas as edits of the word form (Müller et al. 2015; Straka 2018): one script serves many words."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np

from modelworks.contracts.op import Tools, op

_WHOLE = "="
"""Marks a script that names the lemma itself: nothing of the form is in it."""


def script(form: str, lemma: str) -> str:
    """The script that makes `lemma` of `form`: casing, then what is cut from and put to the start and the end.

    `l` all small, `c` first letter kept as it is and the rest small, `k` kept; then `|cut+put|cut+put` of the start and
    of the end. `=lemma` where the two have no letter in common."""
    lowered = form.lower()
    for casing, word in (("l", lowered), ("k", form), ("c", form[:1] + lowered[1:])):
        if len(lowered) == len(form) and (edits := _edits(word, lemma)) is not None and _kept(edits, word, lemma):
            return f"{casing}|{edits}"
    edits = _edits(form, lemma)
    return f"{_WHOLE}{lemma}" if edits is None else f"k|{edits}"


def apply(script: str, form: str) -> str:
    """What a script makes of a form; the form itself where the script cuts more than there is."""
    if script.startswith(_WHOLE):
        return script[1:]
    casing, before, after = script.split("|", 2)
    word = form.lower() if casing == "l" else _calmed(form) if casing == "c" else form
    (first, prefix), (last, suffix) = (part.split("+", 1) for part in (before, after))
    cut, end = int(first), int(last)
    if cut + end > len(word):
        return word
    return f"{prefix}{word[cut : len(word) - end]}{suffix}"


def _calmed(form: str) -> str:
    return form[:1] + form[1:].lower()


def _kept(edits: str, word: str, lemma: str) -> bool:
    """Do the letters that stay in this casing cover what could stay at all?"""
    folded = _edits(word.lower(), lemma.lower())
    return folded is not None and _cuts(edits) == _cuts(folded)


def _cuts(edits: str) -> list[str]:
    return [part.split("+", 1)[0] for part in edits.split("|", 1)]


def _edits(word: str, lemma: str) -> str | None:
    """Edits of the start and the end around the longest piece that both share; None where they share nothing."""
    if "|" in lemma or not word:
        return None
    match = SequenceMatcher(None, word, lemma, autojunk=False).find_longest_match()
    if not match.size:
        return None
    after = len(word) - match.a - match.size
    return f"{match.a}+{lemma[: match.b]}|{after}+{lemma[match.b + match.size :]}"


@functools.lru_cache(maxsize=65536)
def _applied(script: str, form: str) -> str:
    return apply(script, form)


@op("lemma.edit.v1")
def edit(
    tools: Tools, forms: Sequence[Sequence[str]], ids: Sequence[np.ndarray], *, scripts: str = "scripts"
) -> list[list[str]]:
    """Lemmas of the words of each row: `ids` int [W] are numbers of scripts in the JSON list that the resource
    `scripts` holds. A script is `<casing>|<cut>+<put>|<cut>+<put>` (`script`)."""
    known = tools.resource(scripts)
    return [
        [_applied(known[number], form) for form, number in zip(row, numbers.tolist(), strict=True)]
        for row, numbers in zip(forms, ids, strict=True)
    ]
