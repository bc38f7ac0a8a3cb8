"""Pairs of texts: parallel files, translation memories, tables, JSON Lines."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from modelworks import formats
from modelworks.contracts import format as contract
from modelworks.contracts.format import Bad, Reading
from modelworks.core.errors import DataError
from modelworks.kinds import Example, References, Text

COLUMNS = {"text": "en", "references": "de"}
PAIRS = [("A dog.", "Ein Hund."), ("Two cats.", "Zwei Katzen."), ("A man reads.", "Ein Mann liest.")]


def reading(**columns: str) -> Reading:
    return Reading(input="text", target="references", columns=columns)


def both(folder: Path, english: str, german: str, packed: bool = False) -> Path:
    for language, text in (("en", english), ("de", german)):
        path = folder / f"train.{language}{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return folder / f"train.en{'.gz' if packed else ''}"


def pairs(found: list[Example | Bad]) -> list[tuple[str, tuple[str, ...]]]:
    made = []
    for one in found:
        assert isinstance(one, Example), one
        assert isinstance(one.input, Text)
        assert isinstance(one.target, References)
        made.append((one.input.text, one.target.references))
    return made


class TestMoses:
    leaf = contract.find("moses")

    @pytest.mark.parametrize("packed", [False, True])
    def test_lines_of_both_files_are_pairs(self, tmp_path: Path, packed: bool) -> None:
        path = both(tmp_path, *("\n".join(side) + "\n" for side in zip(*PAIRS, strict=True)), packed)
        assert formats.detect(path).name == "moses"
        found = list(self.leaf.read(path, reading(**COLUMNS)))
        assert pairs(found) == [(a, (b,)) for a, b in PAIRS]
        assert found[1].where == f"{path}:2"

    def test_the_other_file_gives_nothing_again(self, tmp_path: Path) -> None:
        path = both(tmp_path, "A dog.\n", "Ein Hund.\n")
        other = path.with_name("train.de")
        assert list(self.leaf.read(other, reading(**COLUMNS))) == []
        back = list(self.leaf.read(other, reading(text="de", references="en")))
        assert pairs(back) == [("Ein Hund.", ("A dog.",))]

    def test_one_language_named_is_enough_for_two_files(self, tmp_path: Path) -> None:
        path = both(tmp_path, "A dog.\n", "Ein Hund.\n")
        assert self.leaf.guess is not None
        assert self.leaf.guess(path, reading(text="en")) == COLUMNS

    def test_unequal_files_are_refused_with_both_lengths(self, tmp_path: Path) -> None:
        path = both(tmp_path, "one\ntwo\nthree\n", "eins\nzwei\n")
        with pytest.raises(DataError, match="unequal") as caught:
            list(self.leaf.read(path, reading(**COLUMNS)))
        assert str(caught.value.where).endswith("train.de:3")
        assert "train.en: 3" in str(caught.value.seen)
        assert "train.de: 2" in str(caught.value.seen)

    def test_an_empty_side_is_told_with_its_own_file_and_line(self, tmp_path: Path) -> None:
        path = both(tmp_path, "one\n\nthree\n", "eins\nzwei\n  \n")
        good, no_text, no_reference = self.leaf.read(path, reading(**COLUMNS))
        assert isinstance(good, Example)
        assert isinstance(no_text, Bad)
        assert (no_text.where, no_text.message) == (f"{path}:2", "the text is empty")
        assert isinstance(no_reference, Bad)
        assert (no_reference.where, no_reference.message) == (f"{tmp_path}/train.de:3", "the reference is empty")

    def test_a_language_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        path = both(tmp_path, "one\n", "eins\n")
        with pytest.raises(DataError, match="no file in the language of `references`"):
            list(self.leaf.read(path, reading(text="en", references="fr")))

    def test_the_direction_is_never_guessed(self, tmp_path: Path) -> None:
        path = both(tmp_path, "one\n", "eins\n")
        with pytest.raises(DataError, match="which language"):
            list(self.leaf.read(path, reading()))

    def test_a_lone_file_is_no_parallel_text(self, tmp_path: Path) -> None:
        path = tmp_path / "notes.en"
        path.write_text("one\n")
        assert self.leaf.sniff(path, b"one\n") == 0


TMX = """<?xml version="1.0"?>
<tmx version="1.4"><header srclang="en-US" segtype="sentence"/><body>
<tu tuid="a"><tuv xml:lang="en-US"><seg>A <bpt i="1">&lt;b&gt;</bpt>big<ept i="1">&lt;/b&gt;</ept> dog.</seg></tuv>
<tuv xml:lang="de"><seg>Ein großer Hund.</seg></tuv><tuv xml:lang="de"><seg>Ein großer Köter.</seg></tuv></tu>
<tu><tuv xml:lang="en-US"><seg>Two &amp; three</seg></tuv><tuv xml:lang="fr"><seg>Deux</seg></tuv></tu>
<tu><tuv xml:lang="en-US"><seg>Four</seg></tuv><tuv xml:lang="de"><seg> </seg></tuv></tu>
</body></tmx>
"""


class TestTmx:
    leaf = contract.find("tmx")

    def read(self, folder: Path, xml: str, **columns: str) -> list[Example | Bad]:
        path = folder / "memory.tmx"
        path.write_text(xml, "utf-8")
        return list(self.leaf.read(path, reading(**columns)))

    def test_units_are_pairs_without_their_marks(self, tmp_path: Path) -> None:
        first, second, third = self.read(tmp_path, TMX, references="de", text="en")
        assert pairs([first]) == [("A big dog.", ("Ein großer Hund.", "Ein großer Köter."))]
        assert isinstance(first, Example)
        assert (first.id, first.where) == ("a", f"{tmp_path}/memory.tmx:3")
        assert isinstance(second, Bad)
        assert "no variant in de" in second.message
        assert isinstance(third, Bad)
        assert third.message == "the reference is empty"

    def test_the_header_says_the_source(self, tmp_path: Path) -> None:
        text = TMX.replace('"fr"', '"de"')
        assert pairs(self.read(tmp_path, text)[:2])[1] == ("Two & three", ("Deux",))

    def test_three_languages_need_a_word(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="which language"):
            self.read(tmp_path, TMX)

    @pytest.mark.parametrize("text", ["<tmx><body>", "no XML", TMX.replace("</tu>", "", 1)])
    def test_broken_xml_is_told_with_its_line(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(DataError, match="not XML"):
            self.read(tmp_path, text, **COLUMNS)

    def test_entities_of_its_own_are_refused(self, tmp_path: Path) -> None:
        text = TMX.replace("<tmx", '<!DOCTYPE tmx [<!ENTITY a "aaaa">]>\n<tmx', 1)
        with pytest.raises(DataError, match="entities"):
            self.read(tmp_path, text, **COLUMNS)


def test_tables_and_lines_of_pairs(tmp_path: Path) -> None:
    table = tmp_path / "pairs.tsv"
    table.write_text("source\ttarget\n" + "".join(f"{a}\t{b}\n" for a, b in PAIRS), "utf-8")
    assert pairs(list(contract.find("tsv").read(table, reading()))) == [(a, (b,)) for a, b in PAIRS]
    lines = tmp_path / "pairs.jsonl"
    lines.write_text('{"translation": {"en": "A dog.", "de": "Ein Hund."}}\n{"translation": {"en": "x", "de": ""}}\n')
    good, bad = contract.find("jsonl").read(lines, reading(**COLUMNS))
    assert pairs([good]) == [("A dog.", ("Ein Hund.",))]
    assert isinstance(bad, Bad)
    assert "reference is empty" in bad.message
