"""Sentences of a text by rules, and what can be seen of a sentence without understanding it."""

from __future__ import annotations

import functools
import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from modelworks.ops._words import spell_words

_ENDS = "!?…‽⁇⁈⁉؟۔܀܁܂।॥෴၊။።፧፨។៕᙮᠃᠉᥄᥅᪨᪩᪪᪫᭚᭛᭞᭟᰻᰼᱾᱿꓿꘎꘏꛳꛷꡶꡷꣎꣏꤯꧈꧉꩝꩞꩟꫰꫱꯫՜՞։׃"
"""Characters that end a sentence when white space follows; the full stop has rules of its own."""
_WIDE = "。！？｡．"
"""Those that need no white space behind them."""
_CLOSING = "\"'”’»›)\\]}」』】）］｝〉》\u0f3b\u0f3d"
_BULLET = r"[-*•‣◦▪–—·]\s|\d{1,3}[.)]\s|\(?[a-z]\)\s"
_BORDER = re.compile(
    rf"[{_WIDE}]++[{_CLOSING}{_WIDE}]*+\s*+"
    rf"|(?<![.{_ENDS}])[.{_ENDS}]++[{_CLOSING}]*+(?:\[\d+(?:,\s?\d+)*+\])?+(?=\s|$)\s*+"
    rf"|(?:\r\n|[\n\r\u2028\u2029\x85])[ \t]*+(?=[\r\n\u2028\u2029\x85]|{_BULLET})\s*+"
)
"""Possible borders. Nothing in it is tried twice, so that no text takes long."""
_NEWLINE = re.compile(r"\r\n|[\n\r\u2028\u2029\x85]")
_LAST_WORD = re.compile(r"[^\s(\[{\"'“‘«]*$")
_LONGEST = 16
"""Characters of an abbreviation that are looked at."""
_ABBREVIATIONS = frozenset(
    re.findall(
        r"\S+",
        """mr mrs ms dr prof rev hon st jr sr gen col capt lt sgt gov sen rep pres vs viz cf eg ie e.g i.e al approx
        resp fig figs eq eqs sec secs ch no nos vol vols pp ed eds art dept univ assn inc ltd co corp bros mt ft ca
        jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat z.b d.h u.a bzw ggf usw vgl nr bd hr
        fr mme mlle etc a.k.a w.r.t u.s u.k u.n d.c ph.d b.sc m.sc""",
    )
)
"""Words whose full stop is no end, lower-cased and without it."""
_OFTEN_LAST = frozenset(("etc", "inc", "ltd", "co", "corp", "jr", "sr", "d.c", "ph.d", "al", "a.k.a"))
"""Those that do end a sentence when a capital letter follows."""


def split_sentences(text: str) -> np.ndarray:
    """Offsets int32 [S, 2] of the sentences of a text, white space around them left out; every other character lies in
    exactly one. A sentence ends

    - behind `.`, `!`, `?` or a terminator of another script, and what closes a quotation or bracket, before white
      space; behind the wide terminators of Chinese and Japanese also without;
    - but at a full stop not before a lower-case letter or digit that goes on with it, not behind an initial
      (`J. Smith`) and not behind an abbreviation;
    - at a blank line, and before a line that begins as an item of a list."""
    found, start = [], 0
    for match in _BORDER.finditer(text):
        if match.end() > start and (match.end() == len(text) or _ends(text, start, match)):
            found.append((start, match.end()))
            start = match.end()
    found.append((start, len(text)))
    trimmed = (_trimmed(text, a, b) for a, b in found)
    return np.array([(a, b) for a, b in trimmed if a < b], dtype=np.int32).reshape(-1, 2)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _ends(text: str, start: int, border: re.Match[str]) -> bool:
    """Is a possible border one?"""
    mark = border.group().strip()
    if not mark or mark[0] != "." or len(_NEWLINE.findall(border.group())) > 1:
        return True  # a blank line or an item, or a terminator that means nothing else
    following = text[border.end() : border.end() + 1]
    if following.islower():
        return False
    word = _LAST_WORD.search(text[max(start, border.start() - _LONGEST) : border.start()])
    last = word.group() if word else ""
    if mark.startswith("..") or not last:
        return True
    if len(last) == 1 and last.isupper() and last != "I":
        return False
    if last.lower() in _ABBREVIATIONS:
        return last.lower() in _OFTEN_LAST and following.isupper()
    return not (last.isdecimal() and border.start() - len(last) == start)  # `1. An item` is one


_STARTS = 4


def sentence_hashes(text: str, units: np.ndarray, most: int) -> list[np.ndarray]:
    """For each sentence the uint32 CRC-32 of its features, at most so many (of long sentences the first words): its
    place from the start `i:`, from the end `r:` and as a share `q:`; its length `l:`; its rank by centrality `c:` and
    that as a share `d:`; how it begins, up to four words `s:`; its words `w:`, lower-cased."""
    spelled = [[word[:64] for word in spell_words(text[a:b].lower())] for a, b in units.tolist()]
    places = _rank(centrality([set(words) for words in spelled]))
    return [_hashes(words, n, len(spelled), places[n], most) for n, words in enumerate(spelled)]


def centrality(words: Sequence[set[str]]) -> list[float]:
    """Sum of a sentence's cosines (of sets of words) with all sentences of its text, in one pass over the words."""
    total: Counter[str] = Counter()
    for some in words:
        for word in some:
            total[word] += 1 / math.sqrt(len(some))  # type: ignore[assignment]
    return [sum(total[word] for word in some) / math.sqrt(len(some)) if some else 0.0 for some in words]


def _rank(values: Sequence[float]) -> list[int]:
    order = sorted(range(len(values)), key=lambda index: (-values[index], index))
    ranks = [0] * len(values)
    for place, index in enumerate(order):
        ranks[index] = place
    return ranks


def _hashes(words: list[str], index: int, count: int, rank: int, most: int) -> np.ndarray:
    last = max(1, count - 1)
    seen = [
        f"i:{min(index, 11)}", f"r:{min(count - 1 - index, 11)}", f"q:{10 * index // (last + 1)}",
        f"l:{min(len(words) // 4, 13)}", f"c:{min(rank, 6)}", f"d:{10 * rank // (last + 1)}",
        *(f"s:{' '.join(words[:some])}" for some in range(1, min(_STARTS, len(words)) + 1)),
        *dict.fromkeys(f"w:{word}" for word in words),
    ]  # fmt: skip
    return np.fromiter(map(_crc, seen[:most]), dtype=np.uint32)


@functools.lru_cache(maxsize=65536)
def _crc(feature: str) -> int:
    return zlib.crc32(feature.encode())
