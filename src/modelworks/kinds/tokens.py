"""Words and where they lie in a text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any

Offsets = tuple[tuple[int, int], ...]
"""Code points [start, end) of each token."""


def join(words: Sequence[str]) -> tuple[str, Offsets]:
    """(words joined by single spaces, [start, end) of each)."""
    tokens, at = [], 0
    for word in words:
        tokens.append((at, at + len(word)))
        at += len(word) + 1
    return " ".join(words), tuple(tokens)


def repeated(text: str, count: int) -> str:
    """`count` words: the text's, from the first again after the last; empty where it has none."""
    return " ".join(islice(cycle(text.split()), count))


def align(words: Sequence[str], text: str) -> Offsets | None:
    """[start, end) of each word in `text` when nothing but white space lies between them, else None."""
    tokens, at = [], 0
    for word in words:
        start = text.find(word, at)
        if start < 0 or text[at:start].strip():
            return None
        at = start + len(word)
        tokens.append((start, at))
    return None if text[at:].strip() else tuple(tokens)


def offsets(value: Any, length: int) -> Offsets:
    """Tokens given as `[[start, end]]`, checked against the text's length; none when the value is something else."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(v, (list, tuple)) and len(v) == 2 for v in value):
        return ()
    if not all(type(start) is int and type(end) is int and 0 <= start <= end <= length for start, end in value):
        raise ValueError("a token reaches past the end of the text")
    return tuple((start, end) for start, end in value)
