"""Text: limits, words, subwords. Offsets are int32 [T, 2] code points [start, end) of the raw text."""

from __future__ import annotations

import functools
import re
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from modelworks.contracts.op import Tools, op
from modelworks.core.errors import RequestError


@op("text.limit.v1", rowwise=True)
def limit(tools: Tools, texts: Sequence[str], *, max_characters: int = 100_000) -> list[str]:
    """Texts as they are; RequestError 413 for one over `max_characters` code points, 422 for half a surrogate pair."""
    for text in texts:
        if len(text) > max_characters:
            raise RequestError(
                "the text is too long", status=413, where="text", seen=f"{len(text)} characters",
                allowed=f"at most {max_characters} characters", hint="send it in parts",
            )  # fmt: skip
        if not text.isascii():
            _refuse_surrogates(text)
    return list(texts)


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RequestError(
            "the text holds half a surrogate pair, which is no character", status=422, where=f"text[{error.start}]",
            seen=f"U+{ord(text[error.start]):04X}", allowed="Unicode text",
        ) from error  # fmt: skip


@op("text.tokenize.v1", rowwise=True)
def tokenize(
    tools: Tools, texts: Sequence[str], *, tokenizer: str = "tokenizer", max_length: int | None = None
) -> list[np.ndarray]:
    """Subword ids int64 [T] of each text, special tokens included; from resource `tokenizer` (tokenizer.json).

    Over `max_length`, the tail of the text is cut; the special tokens that end the sequence stay."""
    encodings = _plain(tools.resource(tokenizer)).encode_batch_fast(list(texts))
    return [_truncated(encoding, max_length) for encoding in encodings]


def _truncated(encoding: Any, max_length: int | None) -> np.ndarray:
    ids = np.array(encoding.ids, dtype=np.int64)
    if max_length is None or len(ids) <= max_length:
        return ids
    special = encoding.special_tokens_mask
    ending = next((n for n, flag in enumerate(reversed(special)) if not flag), len(special))
    return np.concatenate([ids[: max_length - ending], ids[len(ids) - ending :]])


@op("text.subwords.v1", rowwise=True)
def subwords(
    tools: Tools, texts: Sequence[str], *, tokenizer: str = "tokenizer"
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Subword ids int64 [T] and their offsets int32 [T, 2], without special tokens, never cut (`graph.windows.v1`
    reads any length). Offsets point into the raw text, whatever the tokenizer's normalizer does."""
    encodings = _plain(tools.resource(tokenizer)).encode_batch(list(texts), add_special_tokens=False)
    ids = [np.array(encoding.ids, dtype=np.int64) for encoding in encodings]
    return ids, [np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2) for encoding in encodings]


def _plain(tokenizer: Any) -> Any:
    """The tokenizer without the padding and truncation its file may ask for: rows must not depend on each other."""
    if tokenizer.padding is not None:
        tokenizer.no_padding()
    if tokenizer.truncation is not None:
        tokenizer.no_truncation()
    return tokenizer


@op("text.words.v1", rowwise=True)
def words(tools: Tools, texts: Sequence[str]) -> tuple[list[list[str]], list[np.ndarray]]:
    """Words of each text and their offsets int32 [T, 2]; `split_words` has the rule."""
    units = [split_words(text) for text in texts]
    return [[text[a:b] for a, b in rows.tolist()] for text, rows in zip(texts, units, strict=True)], units


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
    return np.array([match.span() for match in _words().finditer(text)], dtype=np.int32).reshape(-1, 2)


@functools.cache
def _words() -> re.Pattern[str]:
    mark = f"[{_marks()}\U0001f3fb-\U0001f3ff]"
    run = rf"(?:\w{mark}*+[\u200c\u200d]?+)++"
    return re.compile(
        rf"(?:https?://|www\.)\S*[\w/]|[@#]{run}|\d++(?:[.,:]\d++)++|(?<=\w)['’]{run}|{run}"
        rf"|[\U0001f1e6-\U0001f1ff]{{2}}|[^\w\s\x00-\x1f\x7f]{mark}*+(?:\u200d[^\w\s]{mark}*+)*+"
    )


def _marks() -> str:
    """Combining marks (Unicode categories M*) as the inside of a character class; `\\w` leaves them out."""
    marks = [c for c in range(0x300, min(sys.maxunicode, 0x1F000)) if unicodedata.category(chr(c))[0] == "M"]
    marks += range(0xE0100, 0xE01F0)
    return "".join(map(re.escape, map(chr, marks)))


SHAPES = (
    "none", "lower", "title", "upper", "letter", "mixed", "digit", "alphanumeric", "mention", "hashtag", "address",
    "punctuation", "other",
)  # fmt: skip


@op("text.shape.v1", rowwise=True)
def shape(tools: Tools, texts: Sequence[str], units: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What an uncased tokenizer forgets, int64 [T, 2] for the units of each text: the class (`SHAPES`) of the word
    (`split_words`) in which the unit ends, and how much of the text is capitalized, 1 (hardly) to 4 (all), 0 unknown.

    Shouted or lower-cased texts are common, and there a capital says little: hence the second number."""
    return [_shapes(text, rows) for text, rows in zip(texts, units, strict=True)]


def _shapes(text: str, units: np.ndarray) -> np.ndarray:
    spans = split_words(text)
    spelled = [text[a:b] for a, b in spans.tolist()]
    classes = np.array([*(word_shape(word) for word in spelled), 0], dtype=np.int64)
    of_units = classes[word_of_units(spans, units)]
    return np.stack([of_units, np.full(len(units), _capitals(spelled))], axis=1)


@functools.lru_cache(maxsize=65536)
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


def _capitals(words: Sequence[str]) -> int:
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
