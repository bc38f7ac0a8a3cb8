"""CoNLL-U: a word a line in ten columns, an empty line after each sentence (Universal Dependencies v2).

As trees, an example is a document: the raw text of its sentences as the CoNLL 2018 shared task made it, with a space
between tokens and sentences where MISC does not say otherwise (SpaceAfter, SpacesAfter) and an empty line between
paragraphs (`# newpar`). As tags or spans, an example is a sentence whose words are its given tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import NoneType

from modelworks.contracts.format import Bad, Format, Reading
from modelworks.core import files
from modelworks.core.errors import DataError
from modelworks.formats._conllu import COLUMNS, Checked, blocks, checked
from modelworks.formats._conllu_misc import attribute, without_spaces
from modelworks.formats._conllu_writing import rows
from modelworks.kinds import Example, Sentence, Spans, Tagged, Tags, Text, Token, Tree, Word
from modelworks.kinds.chunks import TAG
from modelworks.kinds.tokens import Offsets

MOST = 20
"""Sentences of a document where the file does not say where documents begin."""
ENTITIES = ("NER", "NE", "Ner", "ner", "Entity")
"""Names in MISC that may hold IOB2 tags."""
PARAGRAPH = "\n\n"


def read(path: Path, reading: Reading) -> Iterator[Example | Bad]:
    if reading.target in ("tree", ""):
        yield from _documents(path)
    elif reading.target in ("tags", "spans"):
        column = _column(path, reading)
        yield from _sentences(path, reading.target, column)
    else:
        raise DataError(
            f"CoNLL-U holds no {reading.target}", where=str(path), seen=reading.target, allowed="tree, tags or spans"
        )


def _documents(path: Path) -> Iterator[Example | Bad]:
    held: list[Checked] = []
    name, marked = "", False
    for block in blocks(path):
        begins = block.starts("newdoc")
        marked = marked or begins is not None
        full = not marked and len(held) >= MOST
        if held and (begins is not None or full):
            yield _document(path, name, held)
            held = []
        if begins is not None or not held:
            name = begins or ""
        one = checked(path, block, heads=True)
        if isinstance(one, Bad):
            yield one
        else:
            held.append(one)
    if held:
        yield _document(path, name, held)


def _document(path: Path, name: str, held: list[Checked]) -> Example:
    text, sentences = "", []
    for number, one in enumerate(held):
        if number:
            after = held[number - 1].after
            space = " " if after is None else after
            text += PARAGRAPH if one.block.starts("newpar") is not None and "\n" not in space else space
        text += one.before
        sentences.append(_sentence(one, len(text)))
        text += one.text
    text += held[-1].after or ""
    line = held[0].block.line
    return Example(name or f"{path.name}:{line}", Text(text), Tree(tuple(sentences)), {}, "", f"{path}:{line}")


def _sentence(one: Checked, at: int) -> Sentence:
    tokens = []
    for unit, (start, end) in zip(one.units, one.tokens, strict=True):
        words = tuple(_word(word.columns) for word in unit.words)
        multiword = unit.line is not unit.words[0]
        misc = without_spaces(unit.line.columns[9]) if multiword else "_"
        tokens.append(Token(at + start, at + end, unit.line.columns[1], words, misc))
    return Sentence(tokens[0].start, tokens[-1].end, tuple(tokens), tuple(one.block.comments), tuple(one.empty))


def _word(columns: list[str]) -> Word:
    id_, form, lemma, upos, xpos, feats, head, deprel, deps, misc = columns
    return Word(int(id_), form, int(head), lemma, upos, xpos, feats, deprel, deps, without_spaces(misc))


def _sentences(path: Path, target: str, column: str) -> Iterator[Example | Bad]:
    document = ""
    for block in blocks(path):
        document = block.starts("newdoc") or document
        one = checked(path, block, heads=False)
        yield one if isinstance(one, Bad) else _tagged(path, one, document, target, column)


def _tagged(path: Path, one: Checked, document: str, target: str, column: str) -> Example | Bad:
    tokens, values = _values(one, column)
    for value, line in zip(values, (word.number for unit in one.units for word in unit.words), strict=False):
        if target == "spans" and not TAG.fullmatch(value):
            return Bad(f"{path}:{line}", "not a tag", value, "O, or B- I- E- S- and a label")
    goal = Spans.tagged(values, tokens) if target == "spans" else Tags(tuple(values), tokens)
    id_ = one.block.comment("sent_id") or f"{path.name}:{one.block.line}"
    meta = {"document": document} if document else {}
    return Example(id_, Text(one.text, tokens), goal, meta, "", f"{path}:{one.block.line}")


def _values(one: Checked, column: str) -> tuple[Offsets, list[str]]:
    """Offsets of the words and their values. Words of a multiword token that are no pieces of it (`du`) share its
    offsets, and so are one token with their values joined by `+`."""
    tokens: list[tuple[int, int]] = []
    values: list[str] = []
    for unit, (start, end) in zip(one.units, one.tokens, strict=True):
        forms = [word.columns[1] for word in unit.words]
        found = [_value(word.columns, column) for word in unit.words]
        if "".join(forms) == one.text[start:end]:
            for form, value in zip(forms, found, strict=True):
                tokens.append((start, start + len(form)))
                values.append(value)
                start += len(form)
        else:
            tokens.append((start, end))
            values.append("+".join(found) if column in COLUMNS else found[0])
    return tuple(tokens), values


def _value(columns: list[str], column: str) -> str:
    if column in COLUMNS:
        return columns[COLUMNS.index(column)]
    return attribute(columns[9], column) or "O"


def _column(path: Path, reading: Reading) -> str:
    """The column (or the name in MISC) that holds the target: as the user says, else UPOS, or a name of ENTITIES."""
    given = reading.columns.get("tags")
    if given is not None:
        number = int(given) if given.isdigit() else 0
        name = COLUMNS[number - 1] if 1 <= number <= len(COLUMNS) else given
        if reading.target == "tags" and name.lower() not in COLUMNS:
            raise DataError(
                f"there is no column {given!r} for `tags`", where=str(path), seen=given, allowed=list(COLUMNS)
            )
        return name.lower() if name.lower() in COLUMNS else name
    if reading.target == "tags":
        return "upos"
    for number, block in enumerate(blocks(path)):
        for row in block.rows:
            for name in ENTITIES:
                if TAG.fullmatch(attribute(row.columns[-1], name) or ""):
                    return name
        if number > 200:
            break
    raise DataError(
        "no column holds tags of spans", where=str(path), allowed=[f"{name}=B-LABEL in MISC" for name in ENTITIES],
        hint="name it: data: {columns: {tags: NAME}}",
    )  # fmt: skip


def guess(path: Path, reading: Reading) -> dict[str, str]:
    return {"tags": _column(path, reading)} if reading.target in ("tags", "spans") else {}


def sniff(path: Path, head: bytes) -> float:
    rows = [line.split("\t") for line in head.decode("utf-8", "replace").splitlines()[:200] if line[:1] not in "#"]
    words = [row for row in rows if row != [""]]
    if not words:
        return 0.5 if path.suffix.lower() == ".conllu" else 0.0
    good = sum(len(row) == len(COLUMNS) and row[0][:1].isdigit() for row in words)
    if path.suffix.lower() == ".conllu":
        return 0.92
    return 0.9 if good > 0.9 * len(words) else 0.0


def write(path: Path, examples: Iterable[Example]) -> None:
    """Trees with all their columns, or tags in UPOS. White space other than single blanks is kept in SpacesAfter; a
    document without marks of its own gets `# newdoc id`, `# newpar`, `# sent_id` and `# text`."""
    files.write_bytes(path, b"".join(map(piece, examples)))


def piece(example: Example) -> bytes:
    """The sentences of one example."""
    if not isinstance(example.input, Text) or not isinstance(example.target, (Tree, Tags, Tagged, NoneType)):
        seen = type(example.target).__name__
        raise DataError("CoNLL-U is written of trees or tags", where=example.where, seen=seen)
    return rows(example.id, example.input, example.target).encode("utf-8", "surrogatepass")


FORMAT = Format(
    name="conllu",
    summary="a word a line in ten columns: lemma, tags, features, head, relation (Universal Dependencies)",
    suffixes=(".conllu",),
    sniff=sniff,
    read=read,
    guess=guess,
    write=write,
    piece=piece,
)
