"""A collection on disk: a folder of segments, each a few memory-mapped arrays, and a manifest that names their hashes.

collection.json               `Description`, canonical; replaced whole when documents are added
<segment>/vectors.npy …       the arrays of `contracts.collection.Segment`
<segment>/documents.npy       uint8: the documents as JSON arrays [id, title, text], one after another
<segment>/edges.npy           int64 [N + 1]: where each begins and ends
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from modelworks.bundle.manifest import File
from modelworks.contracts.collection import Segment
from modelworks.core import files, hashing
from modelworks.core.errors import BundleError

NAME = "collection.json"
FORMAT = 1
ARRAYS = ("vectors", "firsts", "places", "terms", "offsets", "postings", "counts", "lengths")


class Part(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A segment, as the manifest lists it."""

    name: str
    documents: int
    passages: int
    files: dict[str, File]
    """File of the segment's folder -> hash and size."""


class Description(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`collection.json`."""

    format: int = FORMAT
    encoder: str
    """Identity of what made the vectors."""
    stemmer: str = ""
    passage: int
    """Most subwords of a passage."""
    segments: tuple[Part, ...] = ()

    @property
    def id(self) -> str:
        """The digest of the manifest, hence of every byte of the collection."""
        return hashing.digest("collection", msgspec.to_builtins(self))


class Folder:
    """An opened collection (`contracts.collection.Collection`). Arrays are memory-mapped: opening reads next to
    nothing, and processes that search one collection share its pages."""

    def __init__(self, folder: Path, description: Description) -> None:
        self.folder, self.description = folder, description
        self.stemmer, self.encoder = description.stemmer, description.encoder
        self.segments = [_segment(folder / part.name, part) for part in description.segments]
        self._texts = [(_array(folder / part.name, "documents"), _array(folder / part.name, "edges"))
                       for part in description.segments]  # fmt: skip

    def __len__(self) -> int:
        return sum(part.documents for part in self.description.segments)

    def document(self, segment: int, number: int) -> tuple[str, str, str]:
        texts, edges = self._texts[segment]
        found = msgspec.json.decode(texts[int(edges[number]) : int(edges[number + 1])].tobytes())
        return found[0], found[1], found[2]

    def ids(self) -> list[str]:
        """Ids of all documents, in their order."""
        return [
            self.document(n, i)[0] for n, part in enumerate(self.description.segments) for i in range(part.documents)
        ]


def read(folder: Path) -> Description:
    """The manifest of a collection's folder; a BundleError when there is none, or an unknown one."""
    path = folder / NAME
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Description)
    except (OSError, msgspec.MsgspecError) as error:
        raise BundleError(
            f"not a collection: {error}", where=str(folder), hint="make one: modelworks index BUNDLE FILES… -o FOLDER"
        ) from error
    if found.format != FORMAT:
        raise BundleError("unknown version of a collection", where=str(path), seen=found.format, allowed=str(FORMAT))
    return found


def write(folder: Path, description: Description) -> None:
    """Replace the manifest: with it, what was added becomes part of the collection at once, or not at all."""
    files.write_bytes(folder / NAME, msgspec.json.format(msgspec.json.encode(description), indent=1) + b"\n")


def opened(path: Path) -> Folder:
    """The collection of a folder (or of its manifest's path): sizes of files are checked, hashes by `verify`."""
    folder = path.parent if path.name == NAME else path
    description = read(folder)
    for part, name, file in _files(description):
        place = files.contained(folder, f"{part.name}/{name}")
        if not place.is_file() or place.stat().st_size != file.bytes:
            raise BundleError(
                "a file of the collection is missing or was cut", where=str(place), allowed=f"{file.bytes} bytes"
            )
    return Folder(folder, description)


def verify(folder: Path) -> Description:
    """The manifest of a collection whose every file is as it was written; a BundleError otherwise."""
    description = opened(folder).description
    for part, name, file in _files(description):
        if hashing.file_digest(folder / part.name / name) != file.sha256:
            raise BundleError("a file of the collection was altered", where=str(folder / part.name / name), seen=name)
    return description


def _files(description: Description) -> Sequence[tuple[Part, str, File]]:
    return [(part, name, file) for part in description.segments for name, file in part.files.items()]


def _segment(folder: Path, part: Part) -> Segment:
    return Segment(**{name: _array(folder, name) for name in ARRAYS})


def _array(folder: Path, name: str) -> Any:
    return np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
