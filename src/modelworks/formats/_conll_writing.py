"""CoNLL's sentences of examples: word and IOB2 tag, tab between."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from types import NoneType

from modelworks.core.errors import DataError
from modelworks.kinds import Entities, Example, Span, Spans, Tagged, Tags, Text


def piece(example: Example) -> bytes:
    """The sentence of one example; found entities and tags as if they were a target."""
    target = example.target
    if isinstance(target, Entities):
        target = Spans(tuple(Span(e.start, e.end, e.entity_group) for e in target.entities))
    elif isinstance(target, Tagged):
        target = target.plainly()
    if not isinstance(example.input, Text) or not isinstance(target, (Spans, Tags, NoneType)):
        seen = type(target).__name__
        raise DataError("CoNLL holds texts with spans or tags", where=example.where, seen=seen)
    return _block(example.id, example.input.text, target).encode("utf-8", "surrogatepass")


def _block(id_: str, text: str, target: Spans | Tags | None) -> str:
    if isinstance(target, Tags):
        given = dict(zip(target.tokens, target.tags, strict=True))
        return "".join(_lines(id_, text, [(text[a:b], tag) for (a, b), tag in given.items()]))
    spans = target.spans if target else ()
    edges = {edge for span in spans for edge in (span.start, span.end)}
    tokens = target.tokens if target else ()
    if not tokens or any(re.search(r"\s", text[start:end]) for start, end in tokens):
        tokens = tuple(_tokens(text, edges))
    inside = ((token, next((s for s in spans if s.start <= token[0] and token[1] <= s.end), None)) for token in tokens)
    rows = [
        (text[a:b], "O" if span is None else f"{'B' if span.start == a else 'I'}-{span.label}")
        for (a, b), span in inside
    ]
    return "".join(_lines(id_, text, rows))


def _lines(id_: str, text: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    if id_ and not set(id_) & set("\r\n"):
        yield f"# sent_id = {id_}\n"
    if not set(text) & set("\r\n"):
        yield f"# text = {text}\n"
    yield from (f"{word}\t{tag}\n" for word, tag in rows)
    yield "\n"


def _tokens(text: str, edges: set[int]) -> Iterator[tuple[int, int]]:
    for word in re.finditer(r"\S+", text):
        cuts = [word.start(), *sorted(edge for edge in edges if word.start() < edge < word.end()), word.end()]
        yield from pairwise(cuts)
