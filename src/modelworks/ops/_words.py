"""Words of a text: where they are, what they look like."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Sequence

import numpy as np

LONGEST = 256
"""Of a longer word only so many characters are looked at: it is no word, and caches must not keep it."""

SHAPES = (
    "none", "lower", "title", "upper", "letter", "mixed", "digit", "alphanumeric", "mention", "hashtag", "address",
    "punctuation", "other",
)  # fmt: skip
"""Classes of `word_shape`."""


def split_words(text: str) -> np.ndarray:
    """Offsets int32 [T, 2] of the words of a text. In this order:

    - a web address (`https://…`, `www.…`) up to the next white space, its closing punctuation left out;
    - `@name`, `#tag`;
    - a number with inner `.`, `,` or `:` (`3.14`, `1,000`, `10:30`);
    - an apostrophe with the letters behind it, when it follows a word (`don` `'t`, `Anna` `'s`);
    - a run of letters, digits, `_` and the marks that belong to them, in any script;
    - any other character alone, with its variation selectors, skin tones and joined emoji; two regional indicators
      (a flag) together.

    White space and control characters belong to no word. Letters and marks are those of Python's Unicode tables."""
    spans = [match.span() for match in _pattern(text).finditer(text)]
    return np.array(spans, dtype=np.int32).reshape(-1, 2)


def spell_words(text: str) -> list[str]:
    """The words of a text by the same rule."""
    return _pattern(text).findall(text)


def _pattern(text: str) -> re.Pattern[str]:
    return _ASCII if text.isascii() else _unicode()


_ASCII = re.compile(
    r"[a-gi-vx-zA-Z_]\w*+|https?://\S*[\w/]|www\.\S*[\w/]|[@#]\w++|\d\d*+(?:[.,:]\d++)++|'(?<=\w')\w++|\w\w*+"
    r"|[^\w\s\x00-\x1f\x7f]"
)
"""What `_unicode` says of ASCII texts, four times as fast: each choice begins with a set of characters, and first comes
a word that can be nothing else."""


@functools.cache
def _unicode() -> re.Pattern[str]:
    return re.compile(word_pattern())


def word_pattern() -> str:
    """The rule of `split_words`, as a regular expression without groups that capture."""
    marks = _marks()
    word = rf"\w++(?:[{marks}\u200c\u200d]++\w*+)*+"
    sign = rf"[^\w\s\x00-\x1f\x7f-\x9f][{marks}\U0001f3fb-\U0001f3ff]*+"
    signs = rf"[\U0001f1e6-\U0001f1ff]{{2}}|{sign}(?:\u200d{sign})*+"
    return rf"(?:https?://|www\.)\S*[\w/]|[@#]{word}|\d++(?:[.,:]\d++)++|(?<=\w)['’]{word}|{word}|{signs}"


@functools.cache
def _marks() -> str:
    """Combining marks (Unicode categories M*) as the inside of a character class; `\\w` leaves them out."""
    marks = [c for c in (*range(0x300, 0x1F000), *range(0xE0100, 0xE01F0)) if unicodedata.category(chr(c))[0] == "M"]
    return "".join(map(chr, marks))


@functools.lru_cache(maxsize=16384)
def word_shape(word: str) -> int:
    """Index into SHAPES."""
    if len(word) > 1 and word[0] in "@#":
        return SHAPES.index("mention" if word[0] == "@" else "hashtag")
    if word.startswith(("http://", "https://", "www.")):
        return SHAPES.index("address")
    letters = [c for c in word if c.isalpha()]
    if any(c.isdigit() for c in word):
        return SHAPES.index("alphanumeric" if letters else "digit")
    if not letters:
        return SHAPES.index("punctuation" if word.isascii() else "other")
    return SHAPES.index(_casing("".join(letters)))


def _casing(letters: str) -> str:
    if letters.islower():
        return "lower"
    if letters.isupper():
        return "upper" if len(letters) > 1 else "letter"
    if letters[0].isupper() and letters[1:].islower():
        return "title"
    return "mixed" if any(c.isupper() for c in letters) else "other"


def capitals(words: Sequence[str]) -> int:
    """1 to 4 as at most 5 %, 30 %, 60 % or more of the words with a letter begin with a capital; 0 without any."""
    starts = [word[0].isupper() for word in words if word[0].isalpha()]
    if not starts:
        return 0
    share = sum(starts) / len(starts)
    return 1 + (share > 0.05) + (share > 0.3) + (share > 0.6)


def word_of_units(spans: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Index int64 [T] of the word (rows of `spans`) in which each unit ends; -1 for one that ends in no word."""
    if not len(spans):
        return np.full(len(units), -1)
    last = units[:, 1] - 1
    found = np.searchsorted(spans[:, 0], last, side="right") - 1
    inside = (found >= 0) & (last < spans[np.maximum(found, 0), 1]) & (units[:, 0] < units[:, 1])
    return np.where(inside, found, -1)


def normal_word(word: str) -> str:
    """A word as vocabularies hold it: lower case, every ASCII digit `0`, addresses `<url>`, mentions `<user>`."""
    kind = SHAPES[word_shape(word[:LONGEST])]
    if kind in ("address", "mention"):
        return "<url>" if kind == "address" else "<user>"
    return zero_digits(word[:LONGEST].lower())


def zero_digits(word: str) -> str:
    """ASCII digits as `0`."""
    return word.translate(_ZEROS)


_ZEROS = str.maketrans("123456789", "000000000")
