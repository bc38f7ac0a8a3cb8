"""From tokens that were written to text, and from its words to what they go back to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from modelworks.ops._beam import Found


class Joined(NamedTuple):
    """A text, and for some of its code points, in order, the code points of the source looked at there."""

    text: str
    places: list[tuple[int, int, int]]
    """(code point of the text at which a token ends, start and end in the source)."""


def joined(
    tokenizer: Any, found: Found, unknown: int, silent: frozenset[int], units: np.ndarray, source: str
) -> Joined:
    """The text of tokens: unknown ones give way to what stands in the source where the decoder looked."""
    pieces, looked = [], []
    for token, (most, missing) in zip(found.tokens, found.looks, strict=False):
        if token in silent:
            continue
        at = missing if token == unknown else most
        start, end = units[at].tolist() if at < len(units) else (0, 0)
        pieces.append(source[start:end] if token == unknown else tokenizer.id_to_token(token) or "")
        looked.append((start, end))
    ends = [len(_decoded(tokenizer, pieces[: n + 1])) for n in range(len(pieces))]
    return Joined(_decoded(tokenizer, pieces), [(end, *look) for end, look in zip(ends, looked, strict=True)])


def _decoded(tokenizer: Any, pieces: Sequence[str]) -> str:
    text: str = tokenizer.decoder.decode(list(pieces)) if tokenizer.decoder is not None else " ".join(pieces)
    return text


def aligned(written: Joined, source: str) -> list[dict[str, int]]:
    """For each word of the text the words of the source that its first token looked at."""
    made = []
    for word in re.finditer(r"\S+", written.text):
        look = next(((a, b) for end, a, b in written.places if end > word.start() and b > a), None)
        if look is not None:
            start, end = _whole(source, *look)
            made.append({"start": word.start(), "end": word.end(), "source_start": start, "source_end": end})
    return made


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    """The stretch, grown to whole words (parted by white space)."""
    while start > 0 and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and not text[end].isspace():
        end += 1
    return start, end
