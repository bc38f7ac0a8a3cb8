"""Collection: documents made ready to be searched. It lies outside of the bundles that search it; an op reaches it as a
resource of type `collection` (docs/decisions/0005-collections.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, slots=True)
class Segment:
    """Documents that were indexed together; arrays are memory-mapped.

    Document i owns the passages [firsts[i], firsts[i + 1]); a passage is the code points `places[p]` of its
    document. Term t (a hash) occurs in the documents `postings[offsets[t] : offsets[t + 1]]`, `counts` times each."""

    vectors: np.ndarray
    """Float16 or float32 [P, D] of length 1."""
    firsts: np.ndarray
    """Int64 [N + 1]."""
    places: np.ndarray
    """Int32 [P, 2]."""
    terms: np.ndarray
    """Uint64 [V], sorted."""
    offsets: np.ndarray
    """Int64 [V + 1]."""
    postings: np.ndarray
    """Int32 [M]."""
    counts: np.ndarray
    """Uint16 [M]."""
    lengths: np.ndarray
    """Terms of each document, int32 [N]."""


class Collection(Protocol):
    """An opened collection."""

    segments: Sequence[Segment]
    stemmer: str
    """Language whose endings are taken off terms; empty for none."""
    encoder: str
    """What made the vectors: the identity that a bundle's own encoder must have."""

    def document(self, segment: int, number: int) -> tuple[str, str, str]:
        """(id, title, text) of a document."""
