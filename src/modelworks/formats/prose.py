"""Plain texts: a document a file (.txt, .md); its name is its id, a first line that is a heading its title."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from modelworks.contracts.format import Bad, Format, Reading
from modelworks.core.errors import DataError
from modelworks.formats._text import lines
from modelworks.kinds import Document, Example


def sniff(path: Path, head: bytes) -> float:
    return {".md": 0.5, ".markdown": 0.5, ".txt": 0.27}.get(path.suffix.lower(), 0.0) if b"\0" not in head else 0.0


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    if reading.input != "document":
        raise DataError(
            "a plain text has no examples, it is one document", where=str(path), allowed="files with a row an example"
        )
    text = "".join(line for _, line in lines(path))
    first = text.lstrip().split("\n", 1)[0]
    title = first.lstrip("#").strip() if first.startswith("#") else ""
    if not text.strip():
        yield Bad(str(path), "the document is empty", "", "at least one character")
        return
    yield Example(path.name, Document(text, title), None, {}, "", str(path))


FORMAT = Format(name="prose", summary="a plain text as one document", suffixes=(".txt", ".md"), sniff=sniff, read=read)
