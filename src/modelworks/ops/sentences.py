"""Sentences: where they are, what they look like, which of them stand for the text.

Offsets are int32 [S, 2] code points [start, end) of the raw text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelworks.contracts.op import Tools, op
from modelworks.kinds import Chosen, Length
from modelworks.ops._choice import choose_sentences
from modelworks.ops._sentence_windows import Window, cut, frame, nearest
from modelworks.ops._sentences import sentence_hashes, split_sentences

__all__ = ["choose_sentences", "sentence_hashes", "split_sentences"]
"""What families need to make vocabularies, and tasks to encode targets, by the same rules."""


@op("sentences.split.v1", rowwise=True)
def split(tools: Tools, texts: Sequence[str], given: Sequence[Sequence[tuple[int, int]]]) -> list[np.ndarray]:
    """Offsets of the sentences of each text: the given ones, and where there are none by `split_sentences`."""
    return [
        np.array(known, dtype=np.int32).reshape(-1, 2) if len(known) else split_sentences(text)
        for text, known in zip(texts, given, strict=True)
    ]


@op("sentences.features.v1", rowwise=True)
def features(
    tools: Tools, texts: Sequence[str], units: Sequence[np.ndarray], *, vocabulary: str = "features", most: int = 96
) -> list[np.ndarray]:
    """Known features (`sentence_hashes`) of each sentence, int32 [S, most]: positions in resource `vocabulary`, a
    sorted uint32 array, filled up with its length."""
    known = np.asarray(tools.resource(vocabulary))
    return [_looked_up(sentence_hashes(text, rows, most), known, most) for text, rows in zip(texts, units, strict=True)]


def _looked_up(sentences: Sequence[np.ndarray], known: np.ndarray, most: int) -> np.ndarray:
    found = np.full((len(sentences), most), len(known), dtype=np.int32)
    for place, hashes in zip(found, sentences, strict=True):
        at = np.minimum(np.searchsorted(known, hashes), max(0, len(known) - 1))
        there = at[known[at] == hashes] if len(known) else at[:0]
        place[: len(there)] = there
    return found


@op("sentences.subwords.v1", rowwise=True)
def subwords(
    tools: Tools, texts: Sequence[str], units: Sequence[np.ndarray], *, tokenizer: str = "tokenizer", most: int = 64
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Subword ids int64 [T] of all sentences of each text, of each at most its first `most`, without special tokens;
    and int64 [T] the sentence that each belongs to."""
    encoder = tools.resource(tokenizer)
    pieces = [[text[a:b] for a, b in rows.tolist()] for text, rows in zip(texts, units, strict=True)]
    encoded = iter(encoder.encode_batch_fast([piece for row in pieces for piece in row], add_special_tokens=False))
    ids, owners = [], []
    for row in pieces:
        found = [next(encoded).ids[:most] for _ in row]
        ids.append(np.array([one for some in found for one in some], dtype=np.int64))
        owners.append(np.repeat(np.arange(len(found), dtype=np.int64), [len(some) for some in found]))
    return ids, owners


@op("sentences.windows.v1")
def windows(
    tools: Tools, pieces: Sequence[np.ndarray], owners: Sequence[np.ndarray], units: Sequence[np.ndarray], *, size: int,
    first: int | None = None, last: int | None = None, pad: int = 0, graph: str = "model",
) -> list[np.ndarray]:  # fmt: skip
    """Run a graph that scores the sentences of a window (`_sentence_windows.frame` has its inputs; output `logits`
    [B, S]) over texts of any length; float32 [S, 1] for each text.
    `pieces` and `owners` are what `sentences.subwords.v1` leaves.

    A text over `size` positions is cut into windows of whole sentences, each beginning in the middle of the one
    before; a sentence takes the window in which its nearer edge is farthest. `first` is put before each window, `last`
    behind each sentence."""
    counts = [len(rows) for rows in units]
    room = size - (first is not None)
    cuts = [cut(row, owners[row], counts[row], room) if counts[row] else [] for row in range(len(counts))]
    every = [window for row in cuts for window in row]
    scored: dict[Window, np.ndarray] = {}
    for batch in _batches(every, pieces, len(counts)):
        feeds = frame(batch, pieces, owners, counts, first=first, last=last, pad=pad, size=size)
        logits = tools.run(graph, feeds)["logits"]
        scored.update(zip(batch, logits, strict=True))
    return [_stitched(row, scored, count) for row, count in zip(cuts, counts, strict=True)]


_TOGETHER = 16
"""Windows of long texts that run as one batch (more when more texts came)."""


def _batches(every: list[Window], ids: Sequence[np.ndarray], rows: int) -> list[list[Window]]:
    if len(every) <= rows:
        return [every] if every else []
    order = sorted(every, key=lambda window: len(ids[window.row]))
    together = max(rows, _TOGETHER)
    return [order[at : at + together] for at in range(0, len(order), together)]


def _stitched(windows: list[Window], scored: dict[Window, np.ndarray], count: int) -> np.ndarray:
    if not windows:
        return np.empty((0, 1), dtype=np.float32)
    chosen = [windows[number] for number in nearest(windows, count).tolist()]
    found = [scored[window][at - window.start] for at, window in enumerate(chosen)]
    return np.array(found, dtype=np.float32).reshape(-1, 1)


@op("sentences.choose.v1")
def choose(
    tools: Tools, texts: Sequence[str], units: Sequence[np.ndarray], logits: Sequence[np.ndarray],
    lengths: Sequence[Length], *, sentences: int = 1, words: int = 0, characters: int = 0, redundancy: float = 0.3,
) -> tuple[list[str], list[tuple[Chosen, ...]]]:  # fmt: skip
    """(summary, its sentences in the order of the text) of each text, from a logit [S, 1] for each sentence.

    Maximal marginal relevance (Carbonell & Goldstein 1998): one sentence after the other, the next with the highest
    (1 - redundancy) · relevance - redundancy · similarity to the nearest one that is chosen. Relevance is the
    probability (softmax over the text) as a share of the best one's, similarity the cosine of the sets of words.
    Limits on `sentences`, `words` and `characters` (0: none) hold always; those the caller wishes go before. When even
    the best sentence is over them it is cut behind a word."""
    limits = {"sentences": sentences, "words": words, "characters": characters}
    texts_, chosen = [], []
    for text, rows, scores, wish in zip(texts, units, logits, lengths, strict=True):
        found = choose_sentences(text, rows, np.asarray(scores).reshape(-1), _wished(limits, wish), redundancy)
        chosen.append(tuple(Chosen(start, end, score) for start, end, score in found))
        texts_.append(" ".join(text[start:end] for start, end, _ in found))
    return texts_, chosen


def _wished(limits: dict[str, int], wish: Any) -> Length:
    """The caller's length; where it has none, the model's. A wish for words or characters lifts the model's limit of
    sentences."""
    if wish is None or not (wish.sentences or wish.words or wish.characters):
        return Length(**limits)
    return Length(
        sentences=wish.sentences, words=wish.words or limits["words"],
        characters=wish.characters or limits["characters"],
    )  # fmt: skip
