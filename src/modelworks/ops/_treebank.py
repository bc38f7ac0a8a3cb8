"""Tokens as treebanks have them: clitics apart, abbreviations whole, marks that repeat together.

Rules in the spirit of the Penn Treebank's tokenizer (MacIntyre 1995) before those of `split_words`; what a language of
another habit needs is given as tokens."""

from __future__ import annotations

import functools
import re

import numpy as np

from modelworks.ops._words import word_pattern

_ABBREVIATIONS = (
    "Mr Mrs Ms Dr St Jr Sr Inc Corp Co Ltd Gen Sen Rep Gov Col Lt Sgt Rev Prof vs etc Jan Feb Mar Apr Aug Sept Sep "
    "Oct Nov Dec Ave Blvd Mt Ft Bros Capt Cmdr Hon Univ"
).replace(" ", "|")
_ENDINGS = "com|org|net|edu|gov|docx?|pdf|html?|txt|xlsx?|pptx?|jpe?g|gif|png|zip|exe|csv"
_CLITIC = r"['’](?:s|re|ve|ll|d|m)\b"


@functools.cache
def _pattern() -> re.Pattern[str]:
    """In this order: addresses, abbreviations, names with inner dots, numbers and dates, marks, clitics, words. What
    may begin inside of itself has bounds, so that no text takes more than linear time."""
    rules = (
        r"https?://\S*[\w/]|www\.\S*[\w/]|[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+",
        rf"\b(?:[^\W\d_]\.){{2,}}|\b(?:{_ABBREVIATIONS})\.|\b[A-Z]\.(?=\s+[A-Z])",
        rf"\b[a-z0-9_-]{{1,64}}(?:\.[a-z0-9_-]{{1,64}})+\b|\b[\w-]{{1,64}}\.(?:{_ENDINGS})\b",
        r"\d+(?:[.,:/]\d+)+",
        r"[:;=]['’]?-?[()DPp|\]\[](?!\w)|<3|([.!?*_~>+<$#])\1+|[=-]{2,}",
        r"\b[^\W_]+?(?=n['’]t\b)|n['’]t\b|\bcan(?=not\b)|\b[gG]on(?=na\b)|\b[wW]an(?=na\b)|\b[gG]ot(?=ta\b)",
        rf"(?<=\w){_CLITIC}",
        word_pattern(),
    )
    return re.compile("|".join(rules))


def treebank_words(text: str) -> np.ndarray:
    """Offsets int32 [T, 2] of the tokens of a text; white space and control characters belong to none."""
    spans = [match.span() for match in _pattern().finditer(text)]
    return np.array(spans, dtype=np.int32).reshape(-1, 2)
