"""Parallel text as Moses has it: a file a language, `NAME.en` and `NAME.de`, a sentence a line; line n of one is the
translation of line n of the other. Packed by gzip or not.

`columns: {text: en, references: de}` says which is translated into which. Name both files, or either one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path

from modelworks.contracts.format import Bad, Format, Reading
from modelworks.core import files
from modelworks.core.errors import DataError
from modelworks.formats._text import lines
from modelworks.kinds import Example, References, Text

_LANGUAGE = re.compile(r"\.([a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*)(\.gz)?", re.ASCII)
_NOT_LANGUAGES = {"csv", "tsv", "tab", "txt", "zip", "iob", "bio", "log", "xml", "tmx", "bin", "npy", "jpg", "png",
                  "gif", "pdf", "doc", "htm", "tar", "gz", "bz", "xz", "py", "md", "js", "sh", "rs", "db"}  # fmt: skip
Line = tuple[int, str]


def _language(path: Path) -> tuple[str, str]:
    """(name without its language, language or "") of a file."""
    found = _LANGUAGE.search(path.name)
    if found is None or found.end() != len(path.name) or found[1] in _NOT_LANGUAGES:
        return path.name, ""
    return path.name[: found.start()], found[1]


def _sides(path: Path) -> dict[str, Path]:
    """Language -> file, of all the files that lie beside and differ in language only."""
    stem, _ = _language(path)
    beside = sorted(path.parent.glob(f"{_escaped(stem)}.*")) if path.parent.is_dir() else []
    return {language: other for other in beside if (known := _language(other))[0] == stem and (language := known[1])}


def _escaped(name: str) -> str:
    return re.sub(r"([\[*?])", r"[\1]", name)


def guess(path: Path, reading: Reading) -> dict[str, str]:
    """{text: language, references: language}; a DataError where that is not to be known."""
    sides = _sides(path)
    given = {field: reading.columns[field] for field in ("text", "references") if field in reading.columns}
    for field, language in given.items():
        if language not in sides:
            raise DataError(
                f"there is no file in the language of `{field}`", where=str(path), seen=language, allowed=sorted(sides)
            )
    left = [language for language in sides if language not in given.values()]
    if len(given) == 1 and len(left) == 1:
        (missing,) = {"text", "references"} - set(given)
        given[missing] = left[0]
    if len(given) < 2:
        raise DataError(
            "it is not said which language is translated into which", where=str(path), allowed=sorted(sides),
            hint="modelworks.yaml: data: {columns: {text: en, references: de}}",
        )  # fmt: skip
    return {"text": given["text"], "references": given["references"]}


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    """Pairs, from the file in the language of `text`; a file in another language is read with its partner."""
    columns = guess(path, reading)
    sides, (_, language) = _sides(path), _language(path)
    if language != columns["text"]:
        return
    other = sides[columns["references"]]
    for source, target in zip_longest(lines(path), lines(other)):
        if source is None or target is None:
            raise _unequal(path, other)
        yield _example(path, source, target, other)


def _unequal(path: Path, other: Path) -> DataError:
    counts = {one.name: sum(1 for _ in lines(one)) for one in (path, other)}
    short = min(path, other, key=lambda one: counts[one.name])
    return DataError(
        "parallel files have unequal numbers of lines, so that their lines do not belong together",
        where=f"{short}:{counts[short.name] + 1}", seen=", ".join(f"{name}: {count}" for name, count in counts.items()),
        allowed="the same number", hint="was a sentence broken, or a line left out?",
    )  # fmt: skip


def _example(path: Path, source: Line, target: Line, other: Path) -> Example | Bad:
    where = f"{path}:{source[0]}"
    text, reference = source[1].rstrip("\r\n"), target[1].rstrip("\r\n")
    if not text.strip():
        return Bad(where, "the text is empty", allowed="a sentence on each line")
    if not reference.strip():
        return Bad(f"{other}:{target[0]}", "the reference is empty", text[:100], "a translation of this line")
    return Example(f"{path.name}:{source[0]}", Text(text), References((reference,)), {}, "", where)


def sniff(path: Path, head: bytes) -> float:
    _, language = _language(path)
    return 0.9 if language and b"\0" not in head and len(_sides(path)) > 1 else 0.0


def write(path: Path, examples: Iterable[Example]) -> None:
    """`NAME.src` as given, and `NAME.tgt` beside it; the first reference of each. Line ends become spaces."""
    sources, targets = [], []
    for example in examples:
        if not isinstance(example.input, Text) or not isinstance(example.target, References):
            raise DataError(
                "parallel files hold texts with references", where=example.where, seen=type(example.target).__name__
            )
        sources.append(_line(example.input.text))
        targets.append(_line(example.target.references[0]))
    files.write_bytes(path, "".join(sources).encode())
    files.write_bytes(path.with_suffix(".tgt"), "".join(targets).encode())


def _line(text: str) -> str:
    return re.sub(r"[\r\n]+", " ", text) + "\n"


FORMAT = Format(
    name="moses",
    summary="parallel files, one a language (NAME.en, NAME.de), a sentence a line",
    suffixes=(".src",),
    sniff=sniff,
    read=read,
    guess=guess,
    write=write,
)
