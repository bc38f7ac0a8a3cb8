"""Making a collection, and adding to it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from modelworks.bundle import collection
from modelworks.bundle.collection import Description, Part
from modelworks.bundle.encoder import Encoder
from modelworks.bundle.manifest import File
from modelworks.core import hashing
from modelworks.core.errors import BundleError, DataError
from modelworks.core.progress import Progress, Silent
from modelworks.kinds import Document, Example
from modelworks.ops._sentences import split_sentences
from modelworks.ops._terms import hashes, terms

SEGMENT = 20_000
"""Documents that are held at a time, and lie in one segment."""
_CHUNK = 256
PASSAGE = 224
"""Most subwords of a passage; a bundle may read fewer."""


@dataclass(slots=True)
class _Made:
    """The arrays of a segment while it grows."""

    vectors: list[np.ndarray] = field(default_factory=list)
    firsts: list[int] = field(default_factory=lambda: [0])
    places: list[tuple[int, int]] = field(default_factory=list)
    postings: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)


def create(
    folder: Path, encoder: Encoder, documents: Iterable[Example], *, stemmer: str = "english", dtype: str = "float16",
    progress: Progress | None = None,
) -> Description:  # fmt: skip
    """Make a collection of documents in a folder that is empty or not there; memory holds one segment."""
    if folder.exists() and any(folder.iterdir()):
        raise BundleError("a collection is made in an empty folder", where=str(folder), hint="modelworks index add")
    folder.mkdir(parents=True, exist_ok=True)
    passage = min(PASSAGE, encoder.room - 2)
    collection.write(folder, Description(encoder=encoder.identity, stemmer=stemmer, passage=passage))
    return add(folder, encoder, documents, dtype=dtype, progress=progress)


def add(
    folder: Path, encoder: Encoder, documents: Iterable[Example], *, dtype: str = "float16",
    progress: Progress | None = None,
) -> Description:  # fmt: skip
    """Add documents to a collection. Each full segment counts as soon as the manifest names it; what a killed run left
    besides is cleared away. A DataError for an id that is there already."""
    description = collection.read(folder)
    if description.encoder != encoder.identity:
        raise BundleError(
            "the collection was made with another encoder", where=str(folder), seen=encoder.identity[:12],
            allowed=description.encoder[:12], hint="index its documents again with this bundle",
        )  # fmt: skip
    known = {part.name for part in description.segments}
    for stray in folder.iterdir():
        if stray.is_dir() and stray.name not in known:
            shutil.rmtree(stray)
    progress, seen = progress or Silent(), set(collection.opened(folder).ids())
    progress.start("index", None, "documents")
    stream = iter(documents)
    while chunk := list(islice(stream, SEGMENT)):
        name = f"segment-{len(description.segments):04d}"
        part = _write(folder / name, name, chunk, encoder, description, seen, dtype, progress)
        description = msgspec.structs.replace(description, segments=(*description.segments, part))
        collection.write(folder, description)
    return description


def _write(
    folder: Path, name: str, chunk: Sequence[Example], encoder: Encoder, description: Description, seen: set[str],
    dtype: str, progress: Progress,
) -> Part:  # fmt: skip
    made = _Made()
    for start in range(0, len(chunk), _CHUNK):
        some = chunk[start : start + _CHUNK]
        _take(made, some, encoder, description, seen)
        progress.advance(len(some))
    folder.mkdir()
    for array, value in _arrays(made, dtype):
        np.save(folder / f"{array}.npy", value, allow_pickle=False)
    listed = {
        path.name: File(sha256=hashing.file_digest(path), bytes=path.stat().st_size)
        for path in sorted(folder.iterdir())
    }
    return Part(name=name, documents=len(made.lengths), passages=len(made.places), files=listed)


def _take(made: _Made, some: Sequence[Example], encoder: Encoder, description: Description, seen: set[str]) -> None:
    passages: list[str] = []
    for example in some:
        document = _checked(example, seen)
        words = hashes(terms(f"{document.title} {document.text}", description.stemmer))
        made.lengths.append(len(words))
        made.postings.append(np.unique(words, return_counts=True))
        made.texts.append(msgspec.json.encode([example.id, document.title, document.text]))
        places = cut(document.text, encoder.tokenizer, description.passage)
        made.places.extend(places)
        made.firsts.append(len(made.places))
        start = f"{document.title}. " if document.title else ""
        passages.extend(start + document.text[a:b] for a, b in places)
    made.vectors.append(encoder.encode(passages))


def _checked(example: Example, seen: set[str]) -> Document:
    document = example.input
    if not isinstance(document, Document):
        raise DataError("a collection holds documents", where=example.where, seen=document.name)
    if not document.text.strip():
        raise DataError("the document is empty", where=example.where, allowed="at least one character")
    if example.id in seen:
        raise DataError(
            "there is a document with this id already", where=example.where, seen=example.id,
            hint="give documents ids of their own, or index all of them anew",
        )  # fmt: skip
    seen.add(example.id)
    return document


def cut(text: str, tokenizer: Any, most: int) -> list[tuple[int, int]]:
    """Passages [start, end) of a text: whole sentences, as many as `most` subwords hold; the last sentence of a passage
    begins the next one too. A longer sentence is cut between subwords."""
    sentences = split_sentences(text).tolist() or [[0, len(text)]]
    starts = np.array([offset[0] for offset in tokenizer.encode(text, add_special_tokens=False).offsets])
    counts = [max(1, int(np.searchsorted(starts, b) - np.searchsorted(starts, a))) for a, b in sentences]
    places: list[tuple[int, int]] = []
    first = 0
    while first < len(sentences):
        end, size = first + 1, counts[first]
        while end < len(sentences) and size + counts[end] <= most:
            size += counts[end]
            end += 1
        if size > most:
            places.extend(_pieces(sentences[first], starts, most))
        else:
            places.append((sentences[first][0], sentences[end - 1][1]))
        repeats = end < len(sentences) and end - first > 1 and counts[end - 1] + counts[end] <= most
        first = end - 1 if repeats else end
    return places


def _pieces(sentence: Sequence[int], starts: np.ndarray, most: int) -> list[tuple[int, int]]:
    inside = [int(at) for at in starts[(starts >= sentence[0]) & (starts < sentence[1])]]
    edges = [*dict.fromkeys(inside[::most]), sentence[1]]
    return [(a, b) for a, b in pairwise(edges) if a < b]


def _arrays(made: _Made, dtype: str) -> Iterator[tuple[str, np.ndarray]]:
    words = np.concatenate([found for found, _ in made.postings])
    owners = np.repeat(np.arange(len(made.postings), dtype=np.int32), [len(found) for found, _ in made.postings])
    counts = np.concatenate([count for _, count in made.postings])
    order = np.argsort(words, kind="stable")
    known, offsets = np.unique(words[order], return_index=True)
    yield "terms", known
    yield "offsets", np.append(offsets, len(words)).astype(np.int64)
    yield "postings", owners[order]
    yield "counts", np.minimum(counts[order], np.iinfo(np.uint16).max).astype(np.uint16)
    yield "lengths", np.array(made.lengths, dtype=np.int32)
    yield "vectors", np.concatenate(made.vectors).astype(dtype)
    yield "firsts", np.array(made.firsts, dtype=np.int64)
    yield "places", np.array(made.places, dtype=np.int32).reshape(-1, 2)
    yield "documents", np.frombuffer(b"".join(made.texts), dtype=np.uint8)
    yield "edges", np.cumsum([0, *map(len, made.texts)], dtype=np.int64)
