"""Files of documents, queries and judgements: TREC, BEIR, plain texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelworks.contracts import format as formats
from modelworks.contracts.format import Bad, Reading
from modelworks.core.errors import DataError
from modelworks.formats import detect
from modelworks.kinds import Document, Relevant, Text

DOCUMENTS, QUERIES = Reading(input="document", target=""), Reading(input="text", target="relevant")
TREC = """<doc>
<docno>7</docno>
<title>a wing in
a slipstream .</title>
<author>x</author>
<text>lift &amp; drag
of a wing</text>
</doc><DOC><DOCNO> FT-1 </DOCNO><TEXT>shear</TEXT></DOC>
"""
OLD = "<top>\n<num> Number: 301\n<title> Crime\n<desc> Description:\nwhat\n</top>\n"


def read(path: Path, reading: Reading) -> list:
    return list(detect(path).read(path, reading))


def test_trec_documents(tmp_path: Path) -> None:
    path = tmp_path / "all.xml"
    path.write_text(TREC, "utf-8")
    first, second = read(path, DOCUMENTS)
    assert (second.id, second.input) == ("FT-1", Document("shear"))
    assert (first.id, first.input) == ("7", Document("lift & drag of a wing", "a wing in a slipstream ."))
    assert first.meta == {"author": "x"}
    (tmp_path / "bad.xml").write_text("<doc>\n<docno>8</docno>\n<text></text>\n</doc>\n", "utf-8")
    (bad,) = read(tmp_path / "bad.xml", DOCUMENTS)
    assert isinstance(bad, Bad)
    assert bad.where.endswith("bad.xml:1")
    (tmp_path / "open.xml").write_text("<doc>\n<docno>8</docno>\n", "utf-8")
    with pytest.raises(DataError, match="not closed"):
        read(tmp_path / "open.xml", DOCUMENTS)


def test_topics_of_both_styles_and_judgements_by_number_or_place(tmp_path: Path) -> None:
    path = tmp_path / "topics.xml"
    path.write_text("<top>\n<num> 4</num>\n<title>\nheat .\n</title>\n</top>\n" + OLD, "utf-8")
    (tmp_path / "x.qrels").write_text("4 0 d1 1\n4 0 d2 0\n301 0 d3 2\n", "utf-8")
    first, second = read(path, QUERIES)
    assert (first.id, first.input, first.target) == ("4", Text("heat ."), Relevant({"d1": 1, "d2": 0}))
    assert (second.id, second.input, second.target) == ("301", Text("Crime"), Relevant({"d3": 2}))
    (tmp_path / "x.qrels").write_text("1 0 d1 1\n2 0 d3 1\n", "utf-8")  # as Cranfield's
    assert [one.target for one in read(path, QUERIES)] == [Relevant({"d1": 1}), Relevant({"d3": 1})]
    (tmp_path / "x.qrels").write_text("9 0 d1 1\n", "utf-8")
    with pytest.raises(DataError, match="not there"):
        read(path, QUERIES)


@pytest.mark.parametrize("line", ["1 0 d1", "1 0 d1 x", "1 d1 1"])
def test_a_bad_judgement_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "topics.xml"
    path.write_text(OLD, "utf-8")
    (tmp_path / "x.qrels").write_text(f"301 0 d1 1\n{line}\n", "utf-8")
    with pytest.raises(DataError) as caught:
        read(path, QUERIES)
    assert str(caught.value.where).endswith("x.qrels:2")


def test_beir(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"_id": "d", "title": "T", "text": "x"}\n{"_id": "e"}\n', "utf-8")
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "who"}\n{"_id": "r", "text": "what"}\n', "utf-8")
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq\td\t2\n", "utf-8")
    good, bad = read(tmp_path / "corpus.jsonl", DOCUMENTS)
    assert (good.id, good.input) == ("d", Document("x", "T"))
    assert isinstance(bad, Bad)
    (query,) = read(tmp_path / "queries.jsonl", QUERIES)
    assert (query.id, query.split, query.target) == ("q", "dev", Relevant({"d": 2}))


def test_a_plain_text_is_a_document(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("# Notes\n\nIt rained.\n", "utf-8")
    (only,) = formats.find("prose").read(path, DOCUMENTS)
    assert (only.id, only.input.title) == ("notes.md", "Notes")
    with pytest.raises(DataError, match="no examples"):
        list(formats.find("prose").read(path, QUERIES))
