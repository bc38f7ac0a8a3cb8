"""Front end of the n-gram classifier: vocabularies, and the body that turns texts into positions in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelworks.contracts.body import Body
from modelworks.contracts.family import Front, Resource
from modelworks.contracts.program import Call
from modelworks.kinds import Example, Text
from modelworks.ops._grams import ngram_hashes
from modelworks.stages.learn import base

Range = tuple[int, int]
NONE = (1, 0)
"""An empty range of n-grams."""
_BYTES = 7_000_000
"""Of vocabularies and tables together: each n-gram costs 4 bytes, and 8 for each class."""


def prepare(
    examples: Iterable[Example], folder: Path, *, words: Range, characters: Range, minimum: int, features: int,
    negations: Sequence[str], reach: int,
) -> Front:  # fmt: skip
    """Write the vocabularies of word and character n-grams that occur in `minimum` texts, at most `features` of
    each, and no more than fit into a small bundle; the body that reads them."""
    counts: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
    labels: set[str] = set()
    for example in examples:
        assert isinstance(example.input, Text)
        labels.update(example.target.labels() if example.target is not None else ())
        counts[0].update(ngram_hashes(example.input.text, words, NONE, negations, reach).tolist())
        counts[1].update(ngram_hashes(example.input.text, NONE, characters).tolist())
    most = min(features, _BYTES // 2 // (8 * max(2, len(labels)) + 4))
    sizes = []
    for name, count in zip(("words", "characters"), counts, strict=True):
        sizes.append(_write_vocabulary(folder / "resources" / f"{name}.npy", count, minimum, most))
    base.write_json(folder / "network.json", {"kind": "bag", "sizes": sizes})
    ways: dict[str, Any] = {"words": list(words), "characters": list(characters)}
    if negations:
        ways |= {"negations": list(negations), "reach": reach}
    return Front(body=_body(sizes, ways), resources=_VOCABULARIES)


_VOCABULARIES = (
    Resource(name="words", file="resources/words.npy", type="array"),
    Resource(name="characters", file="resources/characters.npy", type="array"),
)


def _write_vocabulary(path: Path, counts: Counter[int], minimum: int, most: int) -> int:
    kept = sorted((-n, gram) for gram, n in counts.items() if n >= minimum)[:most]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.sort(np.array([gram for _, gram in kept], dtype=np.uint32)))
    return len(kept)


def _body(sizes: Sequence[int], ways: dict[str, Any]) -> Body:
    return Body(
        shape="sequence",
        before=(
            Call(
                op="text.ngrams.v1", inputs=("text",), outputs=("ids",), params=ways,
                resources=("words", "characters"),
            ),
        ),
        after=(
            Call(
                op="batch.pad.v1", inputs=("ids",), outputs=("input_ids", "mask"),
                params={"value": sum(sizes), "multiple": base.MULTIPLE},
            ),
            Call(graph="model", inputs=("input_ids",), outputs=("logits",)),
        ),
        length="ids",
    )  # fmt: skip
