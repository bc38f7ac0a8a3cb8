"""Files of a bundle that ops read, opened by their declared type: a closed set, none of which runs code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from modelworks.bundle import collection
from modelworks.contracts.family import Resource
from modelworks.core.errors import BundleError
from modelworks.core.files import contained


def open_resources(folder: Path, entries: Iterable[Resource]) -> dict[str, Any]:
    """Name -> opened resource: a `tokenizers.Tokenizer`, a read-only memory-mapped array, parsed JSON, lines,
    or a collection."""
    return {entry.name: _open(contained(folder, entry.file), entry.type) for entry in entries}


def _open(path: Path, type_: str) -> Any:
    if type_ not in TYPES:
        raise BundleError("unknown type of resource", where=str(path), seen=type_, allowed=sorted(TYPES))
    try:
        return TYPES[type_](path)
    except Exception as error:  # tokenizers raises Exception itself
        raise BundleError(f"cannot open the {type_}: {error}", where=str(path)) from error


def _tokenizer(path: Path) -> Any:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # its threads would compete with the graph's
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()  # files of published encoders come with both on; ops decide here
    tokenizer.no_truncation()
    return tokenizer


def _array(path: Path) -> Any:
    import numpy as np

    return np.load(path, mmap_mode="r", allow_pickle=False)


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


TYPES: dict[str, Callable[[Path], Any]] = {
    "tokenizer": _tokenizer, "array": _array, "json": _json, "lines": _lines, "collection": collection.opened,
}  # fmt: skip
