"""Dependency trees as arcs over words, in SVG. Everything that comes from data is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from modelworks.kinds import Sentence, Tree, Word
from modelworks.tasks._html import colour

MOST = 12
"""Sentences that are drawn of a document."""
_GAP, _LETTER, _STEP, _LEAST = 18, 8, 22, 48
_RIGHT, _WRONG, _PLAIN = "#3b7d3f", "#c2362b", "#5b6673"


def drawn(text: str, target: Tree | None, prediction: Tree | None) -> str:
    """Target and prediction, a row of arcs a sentence; arcs of the prediction are green or red where the target tells.
    Sentences of both that begin at the same place stand together."""
    known = {sentence.start: sentence for sentence in target.sentences} if target else {}
    found = {sentence.start: sentence for sentence in prediction.sentences} if prediction else {}
    truth = _arcs(target) if target else None
    lines = [
        f'<div class="example {name}"><small>{name}</small>{_sentence(side[start], right)}</div>'
        for start in sorted({*known, *found})[:MOST]
        for name, side, right in (("target", known, None), ("prediction", found, truth))
        if start in side
    ]
    return "".join(lines) or f'<div class="example text"><p dir="auto">{escape(text)}</p></div>'


def _spans(tree: Tree) -> list[list[tuple[int, int, int]]]:
    """(start, end, number in its token) of each word of each sentence."""
    return [
        [(token.start, token.end, n) for token in sentence.tokens for n in range(len(token.words))]
        for sentence in tree.sentences
    ]


def _arcs(tree: Tree) -> dict[tuple[int, int, int], tuple[tuple[int, int, int] | None, str]]:
    """Place of a word -> (place of its head, None for the root; relation)."""
    return {
        places[word.id - 1]: (places[word.head - 1] if word.head else None, word.deprel)
        for sentence, places in zip(tree.sentences, _spans(tree), strict=True)
        for word in sentence.words
    }


def _sentence(
    sentence: Sentence, truth: dict[tuple[int, int, int], tuple[tuple[int, int, int] | None, str]] | None
) -> str:
    words = sentence.words
    middles, width = _laid_out(words)
    heights = _heights([(word.id, word.head) for word in words if word.head])
    top = (max(heights.values(), default=0) + 1) * _STEP + 10
    mine = _arcs(Tree((sentence,)))
    shades = [_PLAIN if truth is None else _RIGHT if truth.get(place) == arc else _WRONG for place, arc in mine.items()]
    parts = [
        _arc(word, middles, heights.get(word.id, 0), top, shade) for word, shade in zip(words, shades, strict=True)
    ]
    parts += [_word(word, middle, top) for word, middle in zip(words, middles, strict=True)]
    return (
        f'<svg viewBox="0 0 {width} {top + 46}" width="{width}" height="{top + 46}" font-family="sans-serif">'
        f"{''.join(parts)}</svg>"
    )


def _laid_out(words: Sequence[Word]) -> tuple[list[int], int]:
    middles, at = [], _GAP
    for word in words:
        width = max(_LEAST, _LETTER * max(len(word.form), len(word.upos), len(word.deprel)))
        middles.append(at + width // 2)
        at += width + _GAP
    return middles, at


def _heights(arcs: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Dependent -> level of its arc: above all shorter arcs over the same words."""
    taken: dict[int, int] = {}
    heights: dict[int, int] = {}
    for dependent, head in sorted(arcs, key=lambda arc: abs(arc[0] - arc[1])):
        inside = range(min(dependent, head), max(dependent, head))
        level = 1 + max(taken.get(place, 0) for place in inside)
        taken.update(dict.fromkeys(inside, level))
        heights[dependent] = level
    return heights


def _arc(word: Word, middles: Sequence[int], level: int, top: int, shade: str) -> str:
    x = middles[word.id - 1]
    label = escape(word.deprel)
    if not word.head:
        return (
            f'<path d="M{x} {top - 20}V{top}" stroke="{shade}" stroke-width="2"></path>'
            f'<text x="{x}" y="{top - 24}" text-anchor="middle" font-size="11" fill="{shade}">{label}</text>'
        )
    head, y = middles[word.head - 1] + (6 if word.head < word.id else -6), top - level * _STEP
    return (
        f'<path d="M{head} {top}C{head} {y - 6} {x} {y - 6} {x} {top}" fill="none" stroke="{shade}"></path>'
        f'<path d="M{x} {top}l-3 -6h6z" fill="{shade}"></path>'
        f'<text x="{(head + x) // 2}" y="{top - (top - y) * 3 // 4 - 6}" text-anchor="middle" font-size="11"'
        f' fill="{shade}">{label}</text>'
    )


def _word(word: Word, middle: int, top: int) -> str:
    return (
        f'<text x="{middle}" y="{top + 18}" text-anchor="middle" font-size="15">{escape(word.form)}</text>'
        f'<rect x="{middle - 22}" y="{top + 25}" width="44" height="15" rx="3" fill="{colour(word.upos)}"></rect>'
        f'<text x="{middle}" y="{top + 37}" text-anchor="middle" font-size="11">{escape(word.upos)}</text>'
    )
