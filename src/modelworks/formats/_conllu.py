"""Blocks of CoNLL-U (universaldependencies.org/format.html) -> checked sentences with their white space.

A fault names file, line, what was seen and what is allowed, and costs its sentence only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from modelworks.contracts.format import Bad
from modelworks.formats._conllu_misc import attribute, spaces_after, unescaped
from modelworks.formats._text import lines
from modelworks.kinds.tokens import align
from modelworks.kinds.tree import find_cycle

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_ID = re.compile(r"([1-9]\d*)(?:-([1-9]\d*)|\.(\d+))?|0\.(\d+)")


class Fault(Exception):
    """A fault at a line of the file."""

    def __init__(self, line: int, message: str, seen: str = "", allowed: str = "") -> None:
        super().__init__(message)
        self.line, self.message, self.seen, self.allowed = line, message, seen, allowed


class Line(NamedTuple):
    """One line of ten columns."""

    number: int
    columns: list[str]


class Unit(NamedTuple):
    """A surface token: its line and the lines of its words (the same, but for multiword tokens)."""

    line: Line
    words: list[Line]


@dataclass
class Block:
    """A sentence as it stands in the file."""

    line: int
    comments: list[str] = field(default_factory=list)
    rows: list[Line] = field(default_factory=list)

    def comment(self, name: str) -> str | None:
        """The value of a comment `# name = value`; "" for a bare `# name`; None when there is none."""
        for comment in self.comments:
            key, _, value = comment.partition("=")
            if key.strip() == name:
                return value.strip() if name != "text" else value.removeprefix(" ")
        return None

    def starts(self, name: str) -> str | None:
        """The id of `# newdoc` or `# newpar`, "" without one; None when nothing begins here."""
        given = self.comment(f"{name} id")
        return given if given is not None else self.comment(name)


@dataclass(frozen=True)
class Checked:
    """A sentence without faults: `tokens` are offsets of its units in `text`, `after` is the white space behind it,
    None where nothing says; `empty` are its lines of empty nodes."""

    block: Block
    units: list[Unit]
    text: str
    tokens: tuple[tuple[int, int], ...]
    before: str
    after: str | None
    empty: list[str]


def blocks(path: Path) -> Iterator[Block]:
    """The sentences of a file, unchecked."""
    block = Block(1)
    for number, raw in lines(path):
        text = raw.rstrip("\r\n")
        if not text.strip():
            if block.rows:
                yield block
            block = Block(number + 1, [] if block.rows else block.comments)
        elif text.startswith("#") and not block.rows:
            block.comments.append(text[1:].removeprefix(" "))
        else:
            block.rows.append(Line(number, text.split("\t")))
    if block.rows:
        yield block


def checked(path: Path, block: Block, *, heads: bool) -> Checked | Bad:
    """The sentence of a block, or its first fault; `heads` says whether its heads must make a tree."""
    try:
        units, empty = _units(block)
        if heads:
            _check_heads([word for unit in units for word in unit.words])
        return _placed(block, units, empty)
    except Fault as fault:
        return Bad(f"{path}:{fault.line}", fault.message, fault.seen, fault.allowed)


def _units(block: Block) -> tuple[list[Unit], list[str]]:
    units: list[Unit] = []
    empty: list[str] = []
    count, open_until = 0, 0
    for row in block.rows:
        first, last, is_empty = _id(row, count)
        if is_empty:
            empty.append("\t".join(row.columns))
        elif last > first:
            if first <= open_until:
                raise Fault(row.number, "multiword tokens overlap", row.columns[0], f"a range from {open_until + 1}")
            open_until = last
            units.append(Unit(row, []))
        else:
            count = first
            if first <= open_until:
                units[-1].words.append(row)
            else:
                units.append(Unit(row, [row]))
    if count < open_until:
        raise Fault(units[-1].line.number, "a multiword token reaches past its sentence", units[-1].line.columns[0],
                    f"ranges up to {count}")  # fmt: skip
    if not units:
        raise Fault(block.line, "the sentence has no words", allowed="at least one word")
    return units, empty


def _id(row: Line, count: int) -> tuple[int, int, bool]:
    """(first word, last word, is it an empty node) of a line that comes after `count` words."""
    if len(row.columns) != len(COLUMNS):
        seen = f"{len(row.columns)}: {' '.join(row.columns)[:100]}"
        raise Fault(row.number, "wrong number of columns", seen, "10 columns with tabs between")
    found = _ID.fullmatch(row.columns[0])
    if found is None:
        raise Fault(row.number, "bad id", row.columns[0], f"{count + 1}, a range {count + 1}-N or an empty node N.1")
    if not row.columns[1]:
        raise Fault(row.number, "the form is empty", "", "a form, or _")
    if found[3] or found[4]:
        return count, count, True
    first = int(found[1])
    last = int(found[2] or first)
    if first != count + 1 or (found[2] and last <= first):
        raise Fault(row.number, "bad id", row.columns[0], f"{count + 1} or a range {count + 1}-N")
    return first, last, False


def _check_heads(words: list[Line]) -> None:
    heads = []
    for word in words:
        head = word.columns[6]
        if not head.isascii() or not head.isdigit() or int(head) > len(words):
            raise Fault(word.number, "head out of range", head, f"0 to {len(words)}")
        heads.append(int(head))
    roots = [word for word, head in zip(words, heads, strict=True) if head == 0]
    if len(roots) != 1:
        line = roots[1].number if roots else words[0].number
        seen = f"{len(roots)} (words {', '.join(root.columns[0] for root in roots)})" if roots else "0"
        raise Fault(line, "several roots" if roots else "no root", seen, "one word with head 0")
    if cycle := find_cycle(heads):
        way = " → ".join(map(str, [*cycle, cycle[0]]))
        raise Fault(words[cycle[0] - 1].number, "the tree is cyclic", f"words {way}", "every word leads to the root")


def _placed(block: Block, units: list[Unit], empty: list[str]) -> Checked:
    """Where the tokens lie in the text of their sentence."""
    text, tokens = "", list[tuple[int, int]]()
    spaces: str | None = ""
    for unit in units:
        if tokens:
            text += " " if spaces is None else spaces
        tokens.append((len(text), len(text) + len(unit.line.columns[1])))
        text += unit.line.columns[1]
        spaces = spaces_after(unit.line.columns[9])
    given = block.comment("text")
    if given is not None and given.strip() != text:
        found = align([unit.line.columns[1] for unit in units], given.strip())
        if found is None and "".join(given.split()) != "".join(text.split()):
            raise Fault(block.line, "the tokens do not make up `# text`", text[:80], given[:80])
        text, tokens = (given.strip(), list(found)) if found is not None and not _exact(units) else (text, tokens)
    before = unescaped(attribute(units[0].line.columns[9], "SpacesBefore") or "")
    return Checked(block, units, text, tuple(tokens), before, spaces, empty)


def _exact(units: list[Unit]) -> bool:
    """Is white space written out (SpacesAfter)? Then `# text` is only its short form."""
    return any("Spaces" in unit.line.columns[9] for unit in units)
