"""Span targets from tags (IOB1, IOB2, BIOES, BILOU) and from plain data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from modelworks.kinds import Span, Spans, Text

TAG = re.compile(r"O|[BIESLU]-\S.*")


def spans_of(tags: Sequence[str], tokens: Sequence[tuple[int, int]]) -> tuple[Span, ...]:
    """Spans of a tagged sentence; `tokens` are code points [start, end).

    B, S and U begin a span; E, L, S and U end one; I continues an open span of its label and else begins one, which
    is how IOB1 writes and how conlleval reads every scheme. Raises ValueError for what is no tag."""
    found: list[Span] = []
    begin, label = -1, ""
    for number, tag in enumerate((*tags, "O")):
        if not TAG.fullmatch(tag):
            raise ValueError(f"{tag!r} is no tag (allowed: O, or B- I- E- S- L- U- and a label)")
        prefix, _, name = tag.partition("-")
        if begin >= 0 and (prefix in "OBSU" or name != label):
            found.append(Span(tokens[begin][0], tokens[number - 1][1], label))
            begin = -1
        if prefix != "O" and begin < 0:
            begin, label = number, name
        if prefix in "ELSU" and prefix != "O" and begin >= 0:
            found.append(Span(tokens[begin][0], tokens[number][1], label))
            begin = -1
    return tuple(found)


def join(words: Sequence[str]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """(words joined by single spaces, [start, end) of each)."""
    tokens, at = [], 0
    for word in words:
        tokens.append((at, at + len(word)))
        at += len(word) + 1
    return " ".join(words), tuple(tokens)


def align(words: Sequence[str], text: str) -> tuple[tuple[int, int], ...] | None:
    """[start, end) of each word in `text` when nothing but white space lies between them, else None."""
    tokens, at = [], 0
    for word in words:
        start = text.find(word, at)
        if start < 0 or text[at:start].strip():
            return None
        at = start + len(word)
        tokens.append((start, at))
    return None if text[at:].strip() else tuple(tokens)


def from_tokens(words: Any, tags: Any) -> tuple[Text, Spans]:
    """Input and target of a row with lists of words and of tags (as names)."""
    if not isinstance(words, list) or not isinstance(tags, list) or len(words) != len(tags):
        raise ValueError("`tokens` and `tags` are not two lists of one length")
    if not any(str(word).strip() for word in words):
        raise ValueError("the text is empty")
    text, tokens = join([str(word) for word in words])
    return Text(text), Spans(spans_of([str(tag) for tag in tags], tokens), tokens)


def from_plain(value: Any, text: str, tokens: Any = None) -> Spans:
    """Spans from `[{start, end, label}]` or `[[start, end, label]]`, sorted; offsets are checked against the text.

    `tokens` are kept when they are offsets `[[start, end]]`, and not when they are words."""
    if not isinstance(value, list):
        raise ValueError("the spans are not a list of {start, end, label}")
    spans = sorted((_span(item, len(text)) for item in value), key=lambda span: (span.start, span.end))
    return Spans(tuple(spans), _offsets(tokens, len(text)))


def _offsets(tokens: Any, length: int) -> tuple[tuple[int, int], ...]:
    if not isinstance(tokens, list) or not all(isinstance(token, list) and len(token) == 2 for token in tokens):
        return ()
    if not all(type(start) is int and type(end) is int and 0 <= start <= end <= length for start, end in tokens):
        raise ValueError("a token reaches past the end of the text")
    return tuple((start, end) for start, end in tokens)


def _span(item: Any, length: int) -> Span:
    if isinstance(item, list) and len(item) == 3:
        start, end, label = item
    elif isinstance(item, dict):
        start, end = item.get("start", item.get("start_offset")), item.get("end", item.get("end_offset"))
        label = next((item[key] for key in ("label", "entity_group", "type", "entity") if key in item), None)
    else:
        raise ValueError(f"a span is {item!r}, not {{start, end, label}}")
    if type(start) is not int or type(end) is not int or not isinstance(label, str):
        raise ValueError(f"a span is {item!r}, not {{start, end, label}} with whole numbers and a text")
    if end > length:
        raise ValueError(f"span [{start}, {end}) reaches past the end of the text ({length} code points)")
    return Span(start, end, label)
