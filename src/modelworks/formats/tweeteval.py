"""TweetEval: a text a line in `NAME_text.txt`, its class in the same line of `NAME_labels.txt`, and the names of the
classes in `mapping.txt` (Barbieri et al. 2020). Without a mapping the classes are named as the labels file has them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import msgspec

from modelworks.contracts.format import Bad, Format, Reading
from modelworks.core.errors import DataError
from modelworks.formats._text import lines
from modelworks.kinds import KINDS, Example

TEXTS, LABELS, MAPPING = "_text.txt", "_labels.txt", "mapping.txt"


def sniff(path: Path, head: bytes) -> float:
    return 0.9 if path.name.endswith(TEXTS) and _labels(path).is_file() else 0.0


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    if not path.name.endswith(TEXTS):
        raise DataError("the texts are not in a file *_text.txt", where=str(path), seen=path.name)
    if not _labels(path).is_file():
        raise DataError("there are no labels beside the texts", where=str(path), allowed=_labels(path).name)
    names = _mapping(path.with_name(MAPPING))
    source, target = KINDS[reading.input], KINDS[reading.target]
    (field,) = [one.encode_name for one in msgspec.structs.fields(target) if one.required][:1]
    for text, label in zip_longest(lines(path), lines(_labels(path))):
        if text is None or label is None:
            missing, has = (path, label) if text is None else (_labels(path), text)
            raise DataError("fewer lines than beside it", where=f"{missing}:{has[0]}", hint="one label for each text")
        where, said = f"{path}:{text[0]}", label[1].strip()
        if names and said not in names:
            yield Bad(f"{_labels(path)}:{label[0]}", "no such class in mapping.txt", said, ", ".join(names))
            continue
        try:
            value = source.from_fields({"text": text[1].rstrip("\r\n")})
            right = target.from_fields({field: names.get(said, said)}, value)
            value.check()
            right.check()
        except (ValueError, msgspec.ValidationError) as error:
            yield Bad(where, str(error), text[1].strip()[:100])
            continue
        yield Example(f"{path.name}:{text[0]}", value, right, {}, "", where)


def _labels(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(TEXTS) + LABELS)


def _mapping(path: Path) -> dict[str, str]:
    """Class as the labels file writes it -> its name."""
    if not path.is_file():
        return {}
    rows = [line.split() for _, line in lines(path) if line.strip()]
    return {row[0]: " ".join(row[1:]) for row in rows}


FORMAT = Format(
    name="tweeteval",
    summary="NAME_text.txt, NAME_labels.txt with the number of a class a line, mapping.txt with their names",
    suffixes=(),
    sniff=sniff,
    read=read,
)
