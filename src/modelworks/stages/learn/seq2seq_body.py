"""The body of every encoder-decoder: subwords, and a search for the best text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelworks.contracts.body import Body
from modelworks.contracts.family import Recipe
from modelworks.contracts.program import Call


class Writing(Recipe, frozen=True, kw_only=True):
    """Options of every encoder-decoder: how it writes."""

    label_smoothing: float = 0.1
    scored: int = 250
    beams: int = 4
    """Texts that are followed at once; 1 writes greedily."""
    penalty: float = 1.5
    """Texts are ranked by log-probability over length to this power."""
    candidates: int = 1
    """How many texts a prediction holds (at most `beams`)."""
    source_length: int = 256
    """Most subwords of a source; a longer one is cut."""
    target_length: int = 256
    """Most subwords that are written."""
    ratio: float = 2.0
    """Most subwords that are written for each of the source (and 10 more)."""
    least: int = 0
    """Fewest subwords that are written."""


def body(options: Writing, past: Sequence[Sequence[int]], special: dict[str, Any], prefix: str = "") -> Body:
    """Reads `text`; leaves `written`, `candidates`, `alignments`.

    Args:
        past: heads and width of each tensor that the decoder hands on.
        special: ids, as `generate.beam.v1` names them.
        prefix: what is read before every text.
    """
    read = Call(
        op="generate.read.v1", inputs=("text",), outputs=("ids", "units"), resources=("source",),
        params={"tokenizer": "source", "most": options.source_length, **({"prefix": prefix} if prefix else {})},
    )  # fmt: skip
    write = Call(
        op="generate.beam.v1", inputs=("ids", "units", "text"),
        outputs=("written", "candidates", "alignments", "confidence"), graphs=("encoder", "decoder"),
        resources=("target",),
        params={
            "tokenizer": "target", "past": [list(one) for one in past], **special, "beams": options.beams,
            "penalty": options.penalty, "candidates": options.candidates, "most": options.target_length,
            "ratio": options.ratio, "least": options.least,
        },
    )  # fmt: skip
    return Body(shape="seq2seq", before=(read,), after=(write,), length="ids")
