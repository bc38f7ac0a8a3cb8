"""What a parser reads of characters and words, and its run over the sentences of documents."""

from __future__ import annotations

import functools
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelworks.contracts.op import Tools, op
from modelworks.ops import _parsed
from modelworks.ops._arborescence import decode
from modelworks.ops._words import LONGEST, normal_word, split_words, word_shape

_CATEGORIES = (
    "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
    "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
)  # fmt: skip
_DIRECT = 512
"""Code points below it have an id of their own; others that of their Unicode category."""
POINTS = _DIRECT + len(_CATEGORIES) + 1
"""Ids of characters in `parse.points.v1`; 0 is none."""
PLACES = 5
"""Where in a word a character is: outside, alone, first, inside, last."""
_CACHED = 65536


@op("parse.points.v1", rowwise=True)
def points(tools: Tools, texts: Sequence[str], *, buckets: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The characters of each text, int64 [T, 4]: its id (below 512 the code point plus one, else by Unicode category),
    the hash of the word it stands in (`split_words`, CRC-32 of `normal_word` modulo `buckets`, plus 1; 0 outside), the
    word's shape (`SHAPES`), and its place in the word (0 outside, 1 alone, 2 first, 3 inside, 4 last). Also the
    offsets of those words, int32 [N, 2]: the cost of the text."""
    spans = [split_words(text) for text in texts]
    return [_points(text, words, buckets) for text, words in zip(texts, spans, strict=True)], spans


def _points(text: str, words: np.ndarray, buckets: int) -> np.ndarray:
    made = np.zeros((len(text), 4), dtype=np.int64)
    made[:, 0] = _characters(text)
    if len(words):
        starts, ends = words[:, 0], words[:, 1]
        hashed = np.array([_word(text[a:b][:LONGEST], buckets) for a, b in words.tolist()], dtype=np.int64)
        lengths = ends - starts
        owner = np.repeat(np.arange(len(words)), lengths)
        inside = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + starts[owner]
        made[inside, 1:3] = hashed[owner]
        made[inside, 3] = 3
        made[starts, 3], made[ends - 1, 3] = 2, 4
        made[starts[lengths == 1], 3] = 1
    return made


def _characters(text: str) -> np.ndarray:
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.int64)
    ids = codes + 1
    for place in np.flatnonzero(codes >= _DIRECT).tolist():
        ids[place] = _DIRECT + 1 + _CATEGORIES.index(unicodedata.category(text[place]))
    return ids


@functools.lru_cache(maxsize=_CACHED)
def _word(word: str, buckets: int) -> tuple[int, int]:
    return zlib.crc32(normal_word(word).encode("utf-8", "surrogatepass")) % buckets + 1, word_shape(word)


@op("parse.limit.v1")
def limit(
    tools: Tools, tokens: Sequence[np.ndarray], sentences: Sequence[np.ndarray], *, most: int
) -> list[np.ndarray]:
    """Tokens a sentence, int32 [S], of each text, where no sentence has over `most` words: a longer one ends early.
    `tokens` int [T, 3] and `sentences` int [S] are those of `tokens.segment.v1`."""
    return [_parsed.limited(units, sizes, most) for units, sizes in zip(tokens, sentences, strict=True)]


@op("parse.shapes.v1")
def shapes(tools: Tools, forms: Sequence[Sequence[str]]) -> list[np.ndarray]:
    """The shape (`SHAPES`) of each word, int64 [W]."""
    return [np.array([word_shape(form[:LONGEST]) for form in row], dtype=np.int64) for row in forms]


@op("parse.subwords.v1")
def subwords(
    tools: Tools, forms: Sequence[Sequence[str]], *, tokenizer: str = "tokenizer", most: int = 8
) -> list[np.ndarray]:
    """The first `most` subwords of each word, int64 [W, most], -1 where there are no more; every word has one, the
    unknown one if need be. A word is read as it stands behind a blank."""
    opened = tools.resource(tokenizer)
    wanted = list(dict.fromkeys(form[:LONGEST] for row in forms for form in row))
    encodings = opened.encode_batch([f" {form}" for form in wanted], add_special_tokens=False)
    known = {form: _filled(encoding.ids, most, opened) for form, encoding in zip(wanted, encodings, strict=True)}
    nothing = np.empty((0, most), dtype=np.int64)
    return [np.stack([known[form[:LONGEST]] for form in row]) if row else nothing for row in forms]


def _filled(ids: Sequence[int], most: int, tokenizer: Any) -> np.ndarray:
    found = list(ids[:most]) or [
        next((n for t in ("[UNK]", "<unk>") if (n := tokenizer.token_to_id(t)) is not None), 0)
    ]
    return np.array(found + [-1] * (most - len(found)), dtype=np.int64)


@op("parse.sentences.v1")
def sentences(
    tools: Tools, tokens: Sequence[np.ndarray], sentences: Sequence[np.ndarray], *features: Sequence[np.ndarray],
    feeds: Sequence[str], root: int | None, subwords: Mapping[str, Any] | None = None, budget: int = 2048,
    most: int = 64, graph: str = "parser", relations: str = "relations",
) -> tuple[list[np.ndarray], ...]:  # fmt: skip
    """Parse the sentences of all texts, in batches of like length: int64 [W] a text of `upos`, `xpos`, `feats`,
    `scripts`, `heads` (0 the root, else 1..n in the sentence) and `deprel`.

    `features` are lists of arrays [W] or [W, F], fed to `graph` as [B, L, …] under the names `feeds`, with
    `attention_mask` [B, L]. One called `subwords` (`parse.subwords.v1`) is fed as an encoder needs it (`input_ids`,
    `owners`, `subword_mask` int64 [B, S]); the parameter `subwords` then gives `first`, `last`, `pad` and `room`.
    The graph leaves numbers [B, L] for the four layers, `arcs` float32 [B, L+1, L+1] = [dependent, head] with the root
    at 0, and float32 [B, L+1, K] `dependents` and `governors`. The best tree with one root is found over `arcs`
    (Chu & Liu 1965), then the graph `relations` gives `logits` [N, R] for the chosen arcs; relation `root` is kept for
    the root. A batch has at least two sentences and four arcs: alone they would take another kernel."""
    found = _parsed.pieces(tokens, sentences)
    columns = {
        name: [np.zeros(len(words), dtype=np.int64) for words in features[0]]
        for name in ("upos", "xpos", "feats", "scripts", "heads", "deprel")
    }
    for batch in _parsed.batches([piece.end - piece.start for piece in found], budget, most):
        taken = [found[index] for index in batch]
        answer = _answered(tools, graph, relations, root, _fed(taken, features, feeds, subwords))
        for place, (row, start, end) in enumerate(taken):
            for name, values in answer.items():
                columns[name][row][start:end] = values[place, : end - start]
    return tuple(columns.values())


def _fed(
    taken: Sequence[_parsed.Piece], features: Sequence[Sequence[np.ndarray]], feeds: Sequence[str],
    subwords: Mapping[str, Any] | None,
) -> dict[str, np.ndarray]:  # fmt: skip
    if len(taken) == 1:
        taken = [taken[0], taken[0]]
    lengths = np.array([piece.end - piece.start for piece in taken])
    size = _parsed.padded(int(lengths.max()))
    fed = {"attention_mask": (np.arange(size) < lengths[:, None]).astype(np.int64)}
    for name, column in zip(feeds, features, strict=True):
        rows = [column[piece.row][piece.start : piece.end] for piece in taken]
        fed |= _parsed.framed(rows, **subwords) if name == "subwords" and subwords else {
            name: _parsed.stacked(rows, size)
        }  # fmt: skip
    return fed


def _answered(
    tools: Tools, graph: str, relations: str, root: int | None, fed: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Numbers [B, L] by layer."""
    answer = tools.run(graph, fed)
    mask = fed["attention_mask"] > 0
    heads = decode(answer["arcs"], mask.sum(1))
    batch, place = np.nonzero(mask)
    chosen = heads[batch, place]
    pairs = {"dependents": answer["dependents"][batch, place + 1], "governors": answer["governors"][batch, chosen]}
    if len(batch) < _parsed.MULTIPLE:
        pairs = {name: np.resize(value, (_parsed.MULTIPLE, value.shape[1])) for name, value in pairs.items()}
    logits = tools.run(relations, pairs)["logits"][: len(batch)]
    if root is not None:
        logits = np.where(np.arange(logits.shape[1]) == root, np.where(chosen == 0, np.inf, -np.inf)[:, None], logits)
    deprel = np.zeros_like(heads)
    deprel[batch, place] = logits.argmax(axis=1)
    layers = {name: answer[name].astype(np.int64) for name in ("upos", "xpos", "feats", "scripts")}
    return {**layers, "heads": heads, "deprel": deprel}
