"""Documents of a collection: finding them, reading them, and what was read put together."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import msgspec
import numpy as np

from modelworks.contracts.op import Tools, op
from modelworks.kinds import Answer, Hit, Message, Sampling, SourcedAnswer
from modelworks.ops._search import Wish
from modelworks.ops._search import search as search_collection

_SHARPNESS = 20.0
"""How much a better hit is trusted: the chance of a hit is proportional to exp(_SHARPNESS * score)."""


@op("hits.search.v1")
def search(
    tools: Tools, queries: Sequence[str], vectors: np.ndarray, *, most: int = 10, weight: float = 0.5, k1: float = 1.2,
    b: float = 0.75, floor: float = 0.1,
) -> list[tuple[Hit, ...]]:  # fmt: skip
    """The `most` best documents of resource `collection` for each query, whose vectors of length 1 are [B, D].

    A document's score is `weight` times the cosine of its nearest passage (0 where negative) plus 1 - `weight` times
    its BM25 with `k1` and `b`, as a share of the most this query could reach: so scores lie in [0, 1] and mean the
    same for every query (a convex combination of scores under their theoretical bounds: Bruch et al. 2023). Documents
    below `floor` are no hits; so nothing may be found."""
    return search_collection(tools.resource("collection"), queries, vectors, Wish(most, weight, k1, b, floor))


@op("hits.pairs.v1")
def pairs(
    tools: Tools, questions: Sequence[str], hits: Sequence[tuple[Hit, ...]], *, most: int = 3
) -> tuple[list[str], list[str]]:
    """Each question beside each of its first `most` hits: questions and contexts, one after another, for a reader.
    A question without hits stands once, beside an empty text. `hits.answers.v1` puts rows together again."""
    rows = [
        (asked, hit.text) for asked, found in zip(questions, hits, strict=True) for hit in found[:most] or (_NOTHING,)
    ]
    return [asked for asked, _ in rows], [text for _, text in rows]


_NOTHING = Hit("", 0.0, "", "", 0)


@op("hits.answers.v1")
def answers(
    tools: Tools, read: Sequence[tuple[Answer, ...]], hits: Sequence[tuple[Hit, ...]], *, read_hits: int = 3,
    most: int = 5,
) -> tuple[list[str], list[float], list[str], list[tuple[SourcedAnswer, ...]]]:  # fmt: skip
    """What a reader found in the pairs of `hits.pairs.v1` (with as many `read_hits` as its `most`), by question: the
    best answer, its score, the id of its document, and the `most` best, offsets counted in the whole document.

    An answer's score is its probability in its passage times the chance that the passage is the right one, which grows
    with its hit's score; the chance of "no answer" adds up over the passages."""
    found, at = [], 0
    for row in hits:
        count = max(1, min(len(row), read_hits))
        found.append(_sourced(read[at : at + count], row[:count], most))
        at += count
    best = [row[0] for row in found]
    return [one.answer for one in best], [one.score for one in best], [one.source for one in best], found


def _sourced(read: Sequence[tuple[Answer, ...]], hits: tuple[Hit, ...], most: int) -> tuple[SourcedAnswer, ...]:
    if not hits:
        return (SourcedAnswer("", 1.0, "", 0, 0),)
    scores = np.array([hit.score for hit in hits])
    chances = np.exp(_SHARPNESS * (scores - scores.max()))
    chances /= chances.sum()
    nothing, found = 0.0, []
    for chance, hit, candidates in zip(chances.tolist(), hits, read, strict=True):
        for one in candidates:
            if one.answer:
                place = (hit.start + one.start, hit.start + one.end)
                found.append(SourcedAnswer(one.answer, round(chance * one.score, 6), hit.id, *place))
            else:
                nothing += chance * one.score
    found.append(SourcedAnswer("", round(nothing, 6), "", 0, 0))
    ranked = sorted(found, key=lambda one: -one.score)
    return tuple(ranked[:most])


@op("hits.question.v1")
def question(tools: Tools, texts: Sequence[str], messages: Sequence[tuple[Message, ...]]) -> list[str]:
    """What is asked: the last message of the user, else the text."""
    return [_asked(text, said) for text, said in zip(texts, messages, strict=True)]


def _asked(text: str, said: Sequence[Message]) -> str:
    return next((message.content for message in reversed(said) if message.role == "user"), text)


@op("hits.messages.v1")
def messages(
    tools: Tools, texts: Sequence[str], messages: Sequence[tuple[Message, ...]], samplings: Sequence[Sampling],
    hits: Sequence[tuple[Hit, ...]], *, instruction: str, most: int = 3,
) -> tuple[list[str], list[tuple[Message, ...]], list[Sampling]]:  # fmt: skip
    """Conversations that a chat model answers from sources: `instruction` and the first `most` hits, numbered from [1],
    as the system's message, then what was said. Where nothing was found, the model is given nothing to write."""
    rows = zip(texts, messages, samplings, hits, strict=True)
    made = [_told(*row, instruction, most) for row in rows]
    return [""] * len(made), [said for said, _ in made], [sampling for _, sampling in made]


def _told(
    text: str, said: tuple[Message, ...], sampling: Sampling, hits: tuple[Hit, ...], instruction: str, most: int
) -> tuple[tuple[Message, ...], Sampling]:
    sources = "\n".join(f"[{n}] {hit.title}\n{hit.text}" for n, hit in enumerate(hits[:most], 1))
    asked = said or (Message("user", text),)
    if not hits:
        sampling = msgspec.structs.replace(sampling, max_tokens=0)
    return (Message("system", f"{instruction}\n\n{sources}"), *asked), sampling


@op("hits.cited.v1", streams=True)
def cited(
    tools: Tools, written: Sequence[str], hits: Sequence[tuple[Hit, ...]], *, unknown: str, most: int = 3
) -> Generator[tuple[int, Any], None, tuple[list[str], list[tuple[Hit, ...]]]]:
    """What was written and the hits it was written from; `unknown`, as a piece too, where nothing was found."""
    for row, found in enumerate(hits):
        if not found:
            yield row, {"index": 0, "text": unknown, "tokens": []}
    texts = [text if found else unknown for text, found in zip(written, hits, strict=True)]
    return texts, [found[:most] for found in hits]
