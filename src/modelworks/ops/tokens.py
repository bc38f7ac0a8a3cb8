"""Tokens and sentences of raw text. Offsets are code points [start, end) of the raw text."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelworks.contracts.op import Tools, op
from modelworks.ops._treebank import treebank_words
from modelworks.ops._words import LONGEST, split_words, word_of_units
from modelworks.ops.text import plain_tokenizer, shapes

SEGMENTS = ("inside", "word", "token", "sentence", "multi", "multi+sentence")
"""What the last code point of a unit is: nothing ends here; a word inside a multiword token; a token; a token and its
sentence; a multiword token whose words are looked up, and the same at the end of a sentence."""
INSIDE, WORD, TOKEN, SENTENCE, MULTI, MULTI_SENTENCE = range(6)

_BLANK = re.compile(r"\s+")


@op("tokens.words.v1", rowwise=True)
def words(
    tools: Tools, texts: Sequence[str], given: Sequence[Sequence[tuple[int, int]]]
) -> tuple[list[list[str]], list[np.ndarray]]:
    """Words of each text and their offsets int32 [T, 2]: the given tokens, or else what `split_words` finds."""
    units = [words_of(text, tokens) for text, tokens in zip(texts, given, strict=True)]
    return [[text[a:b] for a, b in rows.tolist()] for text, rows in zip(texts, units, strict=True)], units


def words_of(text: str, given: Sequence[tuple[int, int]]) -> np.ndarray:
    """Offsets int32 [T, 2] of the given tokens, or else of the words of the text."""
    return np.array(given, dtype=np.int32).reshape(-1, 2) if len(given) else split_words(text)


@op("tokens.own.v1", rowwise=True)
def own(tools: Tools, texts: Sequence[str], given: Sequence[Sequence[tuple[int, int]]]) -> list[list[tuple[int, int]]]:
    """Offsets of the given tokens of each text, or else of its own, as treebanks have them (`treebank_words`)."""
    rows = zip(texts, given, strict=True)
    return [[(a, b) for a, b in (tokens if len(tokens) else treebank_words(text).tolist())] for text, tokens in rows]


@op("tokens.subwords.v1", rowwise=True)
def subwords(
    tools: Tools, texts: Sequence[str], given: Sequence[Sequence[tuple[int, int]]], *, tokenizer: str = "tokenizer"
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """`text.subwords.v1` for texts with given tokens: each token is taken apart alone, so that no subword reaches over
    a border. Offsets point into the raw text."""
    free = [n for n, tokens in enumerate(given) if not len(tokens)]
    opened = plain_tokenizer(tools.resource(tokenizer))
    whole = opened.encode_batch([texts[n] for n in free], add_special_tokens=False)
    pieces = [_pieces(opened, text, tokens) if len(tokens) else None for text, tokens in zip(texts, given, strict=True)]
    for number, encoding in zip(free, whole, strict=True):
        pieces[number] = (encoding.ids, encoding.offsets)
    ids = [np.array(piece[0], dtype=np.int64) for piece in pieces if piece]
    return ids, [np.array(piece[1], dtype=np.int32).reshape(-1, 2) for piece in pieces if piece]


def _pieces(tokenizer: Any, text: str, tokens: Sequence[tuple[int, int]]) -> tuple[list[int], list[tuple[int, int]]]:
    ids: list[int] = []
    offsets: list[tuple[int, int]] = []
    for start, end in tokens:
        word = text[start:end]
        known, places = _piece_again(tokenizer, word) if len(word) <= LONGEST else _piece(tokenizer, word)
        ids += known
        offsets += [(start + a, start + b) for a, b in places]
    return ids, offsets


def _piece(tokenizer: Any, word: str) -> tuple[list[int], list[tuple[int, int]]]:
    encoding = tokenizer.encode(word, add_special_tokens=False)
    return encoding.ids, encoding.offsets


_piece_again = functools.lru_cache(maxsize=65536)(_piece)
"""Words come again and again, and cost a tenth then."""


@op("tokens.shape.v1", rowwise=True)
def shape(
    tools: Tools, texts: Sequence[str], given: Sequence[Sequence[tuple[int, int]]], units: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """`text.shape.v1` int64 [T, 2] of units, whose words are the given tokens where there are any."""
    rows = zip(texts, given, units, strict=True)
    return [shapes(text, words_of(text, tokens), places) for text, tokens, places in rows]


@op("tokens.spread.v1", rowwise=True)
def spread(
    tools: Tools, values: Sequence[np.ndarray], words: Sequence[np.ndarray], units: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """What is known of words, [W, ...], for each unit of the text: that of the word in which it ends, 0 for one in
    none; from the offsets int32 [W, 2] of the words and [T, 2] of the units."""
    rows = zip(values, words, units, strict=True)
    return [
        np.concatenate([known, np.zeros((1, *known.shape[1:]), known.dtype)])[word_of_units(spans, places)]
        for known, spans, places in rows
    ]


@op("tokens.segment.v1")
def segment(
    tools: Tools, texts: Sequence[str], logits: Sequence[np.ndarray], *, expansions: str | None = None
) -> tuple[list[np.ndarray], list[np.ndarray], list[list[str]], list[np.ndarray]]:
    """Tokens, words and sentences of each text from logits [characters, 6] over SEGMENTS, one row a code point.

    Gives tokens int32 [T, 3] (start, end, number of words), words int32 [W, 2] (offsets), forms (list of str), and
    sentences int32 [S] (number of tokens). White space belongs to no token and always ends one; an empty line ends a
    sentence, and so does the text. A multiword token is split where `word` says so, or has the words that the JSON
    resource `expansions` {lower-case token: [forms]} gives; all of those carry the offsets of the token."""
    known = tools.resource(expansions) if expansions else {}
    columns = [_segmented(text, scores, known) for text, scores in zip(texts, logits, strict=True)]
    tokens, words, forms, sentences = zip(*columns, strict=True) if columns else ((), (), (), ())
    return list(tokens), list(words), list(forms), list(sentences)


def _segmented(
    text: str, logits: np.ndarray, expansions: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
    classes = ends(text, np.asarray(logits).argmax(axis=1) if len(text) else np.empty(0, dtype=np.int64))
    words: list[tuple[int, int]] = []
    forms: list[str] = []
    tokens: list[tuple[int, int, int]] = []
    sentences: list[int] = []
    for start, end, cuts in _tokens(text, classes):
        last = classes[end - 1]
        known = expansions.get(text[start:end].lower()) if last in (MULTI, MULTI_SENTENCE) else None
        spans = [(start, end)] * len(known) if known else list(zip([start, *cuts], [*cuts, end], strict=True))
        words += spans
        forms += _cased(known, text[start:end]) if known else [text[a:b] for a, b in spans]
        tokens.append((start, end, len(spans)))
        if last in (SENTENCE, MULTI_SENTENCE):
            sentences.append(len(tokens))
    counts = np.diff([0, *sentences])
    return (
        np.array(tokens, dtype=np.int32).reshape(-1, 3), np.array(words, dtype=np.int32).reshape(-1, 2), forms,
        np.asarray(counts, dtype=np.int32),
    )  # fmt: skip


@op("tokens.given.v1")
def given_tokens(
    tools: Tools, texts: Sequence[str], given: Sequence[Sequence[tuple[int, int]]], tokens: Sequence[np.ndarray],
    words: Sequence[np.ndarray], forms: Sequence[Sequence[str]], sentences: Sequence[np.ndarray],
) -> tuple[list[np.ndarray], list[np.ndarray], list[Sequence[str]], list[np.ndarray]]:  # fmt: skip
    """What `tokens.segment.v1` gave, but for texts with given tokens: those, each a word, in the sentences in which
    they begin."""
    columns = zip(tokens, words, forms, sentences, strict=True)
    rows = [
        _given(text, np.array(places, dtype=np.int32), found[0], found[3]) if len(places) else found
        for text, places, found in zip(texts, given, columns, strict=True)
    ]
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows], [row[3] for row in rows]


def _given(
    text: str, places: np.ndarray, tokens: np.ndarray, sentences: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
    borders = tokens[np.cumsum(sentences) - 1, 1][:-1]  # the last sentence takes what is left
    counts = np.bincount(np.searchsorted(borders, places[:, 0], side="right"))
    alone = np.concatenate([places, np.ones((len(places), 1), np.int32)], axis=1)
    return alone, places, [text[a:b] for a, b in places.tolist()], counts[counts > 0].astype(np.int32)


def ends(text: str, classes: np.ndarray) -> np.ndarray:
    """The classes int64 [characters] made consistent: nothing on white space, a token ends before it, a sentence before
    an empty line and at the end of the text."""
    fixed = np.asarray(classes, dtype=np.int64).copy()
    last = -1
    for blank in _BLANK.finditer(text):
        a, b = blank.span()
        fixed[a:b] = INSIDE
        if a > 0:
            hard = b == len(text) or text.count("\n", a, b) > 1
            fixed[a - 1] = _closed(int(fixed[a - 1]), hard)
    if text and not text[-1].isspace():
        last = len(text) - 1
        fixed[last] = _closed(int(fixed[last]), True)
    return fixed


def _closed(found: int, sentence: bool) -> int:
    """The class of a code point at which a token, or a sentence too, must end."""
    if not sentence:
        return TOKEN if found in (INSIDE, WORD) else found
    return MULTI_SENTENCE if found in (MULTI, MULTI_SENTENCE) else SENTENCE


def _tokens(text: str, classes: np.ndarray) -> list[tuple[int, int, list[int]]]:
    """(start, end, borders of words inside) of each token."""
    found = []
    start, cuts = -1, list[int]()
    marked = np.flatnonzero(classes).tolist()
    at = 0
    for place in marked:
        if start < 0:
            start = at + len(text[at : place + 1]) - len(text[at : place + 1].lstrip())
            cuts = []
        if classes[place] == WORD:
            cuts.append(place + 1)
            continue
        found.append((start, place + 1, cuts))
        start, at = -1, place + 1
    return found


def _cased(forms: Sequence[str], token: str) -> list[str]:
    """Looked-up forms in the casing of their token: all capitals, or a capital first."""
    if token.isupper() and len(token) > 1:
        return [form.upper() for form in forms]
    if token[:1].isupper():
        return [forms[0][:1].upper() + forms[0][1:], *forms[1:]]
    return list(forms)


def classes_of(text: str, sentences: Sequence[Sequence[tuple[int, int, Sequence[int] | None]]]) -> np.ndarray:
    """Classes int64 [code points] that `tokens.segment.v1` reads back as these tokens: (start, end, borders of words
    inside; None for words that are looked up)."""
    classes = np.full(len(text), INSIDE, dtype=np.int64)
    for tokens in sentences:
        for number, (_, end, cuts) in enumerate(tokens, 1):
            ends = number == len(tokens)
            multi = cuts is None
            classes[end - 1] = (MULTI_SENTENCE if ends else MULTI) if multi else (SENTENCE if ends else TOKEN)
            for cut in cuts or ():
                classes[cut - 1] = WORD
    return classes
