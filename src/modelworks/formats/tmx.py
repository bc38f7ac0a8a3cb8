"""TMX (Translation Memory eXchange 1.4): units (`tu`) with a variant (`tuv`, `seg`) in each language.

`columns: {text: en, references: de}` says which language is translated into which; without it the header's `srclang`
is the text, and the only other language the reference. `en` also means `en-US`. Marks inside a segment are left out,
their text stays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from modelworks.contracts.format import Bad, Format, Reading
from modelworks.core import files
from modelworks.core.errors import DataError
from modelworks.formats._text import opened
from modelworks.kinds import Example, References, Text

_CHUNK = 64 * 1024
_SAMPLE = 200
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_CODES = frozenset({"bpt", "ept", "it", "ph", "ut"})
"""Elements whose text is code of the original file, not language."""


class _Units:
    """Gathers translation units while the parser reads."""

    def __init__(self, path: Path) -> None:
        self._path, self.source = path, ""
        self.done: list[tuple[int, str, dict[str, list[str]]]] = []
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler, self._parser.EndElementHandler = self._start, self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.EntityDeclHandler = self._entity
        self._line, self._id, self._language = 0, "", ""
        self._unit: dict[str, list[str]] = {}
        self._segment: list[str] | None = None
        self._hidden = 0

    def feed(self, data: bytes, last: bool) -> None:
        self._parser.Parse(data, last)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "header":
            self.source = attributes.get("srclang", "").lower()
        elif name == "tu":
            self._line, self._id, self._unit = self._parser.CurrentLineNumber, attributes.get("tuid", ""), {}
        elif name == "tuv":
            self._language = (attributes.get("xml:lang") or attributes.get("lang", "")).lower()
        elif name == "seg":
            self._segment = []
        elif name in _CODES:
            self._hidden += 1

    def _end(self, name: str) -> None:
        if name == "seg" and self._segment is not None:
            self._unit.setdefault(self._language, []).append("".join(self._segment))
            self._segment = None
        elif name == "tu":
            self.done.append((self._line, self._id, self._unit))
        elif name in _CODES:
            self._hidden -= 1

    def _text(self, data: str) -> None:
        if self._segment is not None and not self._hidden:
            self._segment.append(data)

    def _entity(self, name: str, *_: Any) -> None:
        raise DataError("the file declares entities of its own", where=str(self._path), seen=name, allowed="plain TMX")


def _units(path: Path, units: _Units) -> Iterator[tuple[int, str, dict[str, list[str]]]]:
    try:
        with opened(path) as stream:
            while data := stream.read(_CHUNK):
                units.feed(data, False)
                yield from units.done
                units.done.clear()
            units.feed(b"", True)
    except expat.ExpatError as error:
        raise DataError(
            f"not XML: {expat.ErrorString(error.code)}", where=f"{path}:{error.lineno}", allowed="a TMX file"
        ) from error
    except (OSError, EOFError) as error:
        raise DataError(f"cannot read the file: {error}", where=str(path)) from error
    yield from units.done


def _languages(path: Path, given: dict[str, str], source: str, seen: list[str]) -> dict[str, str]:
    """{text: language, references: language} as the file writes them."""
    chosen = {field: _match(path, field, wanted.lower(), seen) for field, wanted in given.items()}
    if "text" not in chosen and source and (found := [name for name in seen if _means(source, name)]):
        chosen["text"] = found[0]
    left = [name for name in seen if name not in chosen.values()]
    if len(chosen) == 1 and len(left) == 1:
        chosen[next(iter({"text", "references"} - set(chosen)))] = left[0]
    if len(chosen) < 2:
        raise DataError(
            "it is not said which language is translated into which", where=str(path), allowed=seen,
            hint="modelworks.yaml: data: {columns: {text: en, references: de}}",
        )  # fmt: skip
    return chosen


def _means(wanted: str, name: str) -> bool:
    return name == wanted or name.split("-")[0] == wanted


def _match(path: Path, field: str, wanted: str, seen: list[str]) -> str:
    found = [name for name in seen if _means(wanted, name)]
    if not found:
        raise DataError(
            f"no unit is in the language of `{field}`", where=str(path), seen=wanted, allowed=seen or "units"
        )
    return found[0]


def _opened(path: Path, reading: Reading) -> tuple[dict[str, str], Iterator[tuple[int, str, dict[str, list[str]]]]]:
    units = _Units(path)
    stream = _units(path, units)
    sample = list(islice(stream, _SAMPLE))
    seen = list(dict.fromkeys(language for _, _, unit in sample for language in unit))
    given = {field: name for field, name in reading.columns.items() if field in ("text", "references")}
    columns = _languages(path, given, units.source, seen)

    def everything() -> Iterator[tuple[int, str, dict[str, list[str]]]]:
        yield from sample
        yield from stream

    return columns, everything()


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    columns, units = _opened(path, reading)
    for line, id_, unit in units:
        where = f"{path}:{line}"
        text, references = unit.get(columns["text"], []), unit.get(columns["references"], [])
        missing = [columns[field] for field, texts in (("text", text), ("references", references)) if not texts]
        if missing:
            yield Bad(where, f"the unit has no variant in {missing[0]}", ", ".join(unit), ", ".join(columns.values()))
        elif not text[0].strip():
            yield Bad(where, "the text is empty", allowed="a segment with a text")
        elif any(not one.strip() for one in references):
            yield Bad(where, "the reference is empty", text[0][:100], "a translation")
        else:
            yield Example(id_ or f"{path.name}:{line}", Text(text[0]), References(tuple(references)), {}, "", where)


def guess(path: Path, reading: Reading) -> dict[str, str]:
    return _opened(path, reading)[0]


def sniff(path: Path, head: bytes) -> float:
    if b"<tmx" in head[:2048]:
        return 0.97
    return 0.6 if path.suffix.lower() == ".tmx" else 0.0


def write(path: Path, examples: Iterable[Example]) -> None:
    """Languages are written as `src` and `tgt`."""
    units = "".join(_unit(example) for example in examples)
    header = '<header creationtool="modelworks" creationtoolversion="1" segtype="sentence" o-tmf="none" ' \
        'adminlang="en" srclang="src" datatype="plaintext"/>'  # fmt: skip
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<tmx version="1.4">\n{header}\n<body>\n{units}</body>\n</tmx>\n'
    files.write_bytes(path, text.encode())


def _unit(example: Example) -> str:
    if not isinstance(example.input, Text) or not isinstance(example.target, References):
        raise DataError("TMX holds texts with references", where=example.where, seen=type(example.target).__name__)
    sides = [("src", example.input.text), *(("tgt", text) for text in example.target.references)]
    variants = "".join(f'<tuv xml:lang="{side}"><seg>{_escaped(text)}</seg></tuv>' for side, text in sides)
    return f"<tu tuid={quoteattr(example.id)}>{variants}</tu>\n"


def _escaped(text: str) -> str:
    return escape(_NO_XML.sub(" ", text), {"\r": "&#13;"})


FORMAT = Format(
    name="tmx",
    summary="translation memories (TMX 1.4)",
    suffixes=(".tmx",),
    sniff=sniff,
    read=read,
    guess=guess,
    write=write,
)
