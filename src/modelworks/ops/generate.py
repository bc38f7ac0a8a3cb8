"""Writing a text with an encoder and a decoder: subwords in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelworks.contracts.op import Tools, op
from modelworks.ops._beam import Floats, Found, Ints, Search, Settings
from modelworks.ops._written import aligned, joined

_MULTIPLE = 4
"""Sources are padded to multiples of it (docs/decisions/0003-same-bytes.md)."""


@op("generate.read.v1", rowwise=True)
def read(
    tools: Tools, texts: Sequence[str], *, tokenizer: str = "source", most: int = 512, prefix: str = ""
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Subword ids int64 [T] of each text, special tokens included, and the code points int32 [T, 2] each stands for,
    without white space at its edges; [0, 0] for special tokens and those of `prefix`, which is read before each text.
    Beyond `most` tokens the text's tail is cut."""
    encodings = tools.resource(tokenizer).encode_batch([prefix + text for text in texts])
    pairs = [_cut(encoding, prefix + text, most) for encoding, text in zip(encodings, texts, strict=True)]
    if prefix:
        pairs = [(ids, _behind(units, len(prefix))) for ids, units in pairs]
    return [ids for ids, _ in pairs], [units for _, units in pairs]


def _cut(encoding: Any, text: str, most: int) -> tuple[np.ndarray, np.ndarray]:
    ids = np.array(encoding.ids, dtype=np.int64)
    units = np.array([_trimmed(text, *unit) for unit in encoding.offsets], dtype=np.int32).reshape(-1, 2)
    special = np.array(encoding.special_tokens_mask, dtype=bool)
    units[special] = 0
    if len(ids) > most:
        ending = int(special[::-1].argmin()) if not special.all() else 0
        kept = [*range(most - ending), *range(len(ids) - ending, len(ids))]
        ids, units = ids[kept], units[kept]
    return ids, units


def _behind(units: np.ndarray, length: int) -> np.ndarray:
    """Units of a text with so many code points before it, as units of the text alone."""
    return np.where(units[:, :1] >= length, units - length, 0).astype(np.int32)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


@op("generate.beam.v1")
def beam(
    tools: Tools, ids: Sequence[np.ndarray], units: Sequence[np.ndarray], texts: Sequence[str], *,
    start: int, end: int, past: Sequence[Sequence[int]], unknown: int = -1, banned: Sequence[int] = (),
    silent: Sequence[int] = (),
    tokenizer: str = "target", beams: int = 4, penalty: float = 1.0, candidates: int = 1, most: int = 256,
    ratio: float = 2.0, least: int = 0, pad: int = 0, alignment: bool = True,
) -> tuple[list[str], list[list[dict[str, Any]]], list[list[dict[str, int]]], list[np.ndarray]]:  # fmt: skip
    """Texts written for source ids [S] by beam search (`beams` 1: greedily), all rows and beams in one batch.

    Graph `encoder` reads `input_ids` and `attention_mask` [B, S] and leaves tensors named `memory_*`. Graph `decoder`
    reads `tokens` [B, K], `attention_mask`, all `memory_*` and `past_<n>` [B * K, H, T, D] (`past` holds H and D of
    each), and leaves `logprobs` [B, K, V], `present_<n>` and, where it has attention to tell, `attention` [B, K, S].

    A text has at most `most` tokens, and at most `ratio` times those of its source, plus 10. The token `unknown` is
    written only where the source holds one, and gives way to what stands in the source where the decoder looked
    (Luong et al. 2015). The tokens `banned` are never written; those `silent` leave no trace in the text.

    Returns the best texts; of each row `candidates` texts {text, score}, best first (score: geometric mean of the
    probabilities of its tokens); alignments of words {start, end, source_start, source_end} of the best one; and the
    unrounded scores, float64 [candidates]."""
    source = _Source.of(ids, units, pad, unknown)
    decoder = _Decoder(tools, source, beams, past)
    limits = np.array([min(most, int(ratio * len(row)) + 10) for row in ids], dtype=np.int64)
    settings = Settings(beams, penalty, start, end, least, tuple(banned), unknown)
    copies = np.asarray(source.unknown.any(axis=1))
    found = Search(decoder.step, decoder.keep, settings, limits, copies).run()
    kept = [row[: max(1, candidates)] for row in found]
    vocabulary = tools.resource(tokenizer)
    made = [
        [joined(vocabulary, one, unknown, frozenset(silent), row, text) for one in options]
        for options, row, text in zip(kept, units, texts, strict=True)
    ]
    scores = [np.array([_score(one) for one in options]) for options in kept]
    told = [
        [{"text": one.text, "score": round(float(score), 4)} for one, score in zip(options, row, strict=True)]
        for options, row in zip(made, scores, strict=True)
    ]
    shown = alignment and decoder.looks
    lines = [aligned(options[0], text) if shown else [] for options, text in zip(made, texts, strict=True)]
    return [options[0].text for options in made], told, lines, scores


def _score(one: Found) -> float:
    return float(np.exp(one.logprob / (len(one.tokens) + 1)))


class _Source:
    """Padded sources."""

    def __init__(self, ids: Ints, mask: Ints, real: np.ndarray, unknown: np.ndarray) -> None:
        self.ids, self.mask = ids, mask
        self.real, self.unknown = real, unknown
        """Bool [B, S]: positions that stand for code points; those of them that the vocabulary lacks."""

    @classmethod
    def of(cls, ids: Sequence[np.ndarray], units: Sequence[np.ndarray], pad: int, unknown: int) -> _Source:
        longest = -(-max(1, *map(len, ids)) // _MULTIPLE) * _MULTIPLE
        padded, mask = np.full((len(ids), longest), pad, dtype=np.int64), np.zeros((len(ids), longest), dtype=np.int64)
        real = np.zeros((len(ids), longest), dtype=bool)
        for number, (row, spans) in enumerate(zip(ids, units, strict=True)):
            padded[number, : len(row)] = row
            mask[number, : len(row)] = 1
            real[number, : len(row)] = spans[:, 1] > spans[:, 0]
        return cls(padded, mask, real, real & (padded == unknown))


class _Decoder:
    """The two graphs, and what the decoder remembers."""

    def __init__(self, tools: Tools, source: _Source, beams: int, past: Sequence[Sequence[int]]) -> None:
        self._tools = tools
        feeds = {"input_ids": source.ids, "attention_mask": source.mask}
        self._fixed = {name: a for name, a in tools.run("encoder", feeds).items() if name.startswith("memory_")}
        self._fixed["attention_mask"] = source.mask
        rows = len(source.ids) * beams
        self._past = [np.zeros((rows, heads, 0, width), dtype=np.float32) for heads, width in past]
        self._real, self._unknown = source.real, source.unknown
        self.looks = False

    def step(self, tokens: Ints) -> tuple[Floats, Ints]:
        """As `_beam.Decode`: where a beam looked is the position of most weight, and that among unknown ones."""
        past = {f"past_{number}": array for number, array in enumerate(self._past)}
        made = self._tools.run("decoder", {"tokens": tokens, **self._fixed, **past})
        self._past = [made[f"present_{number}"] for number in range(len(self._past))]
        looks = np.zeros((*tokens.shape, 2), dtype=np.int64)
        if "attention" in made:
            self.looks = True
            for number, seen in enumerate((self._real, self._unknown)):
                looks[:, :, number] = np.where(seen[:, None, :], made["attention"], -1.0).argmax(axis=2)
        return made["logprobs"], looks

    def keep(self, rows: Ints, beams: Ints) -> None:
        """As `_beam.Keep`."""
        if len(rows) < len(self._real):
            self._fixed = {name: array[rows] for name, array in self._fixed.items()}
            self._real, self._unknown = self._real[rows], self._unknown[rows]
        elif beams.shape[1] == 1:
            return
        places = (rows[:, None] * beams.shape[1] + beams).ravel()
        self._past = [array[places] for array in self._past]
