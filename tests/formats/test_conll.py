"""CoNLL in all its layouts."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelworks.contracts import format as contract
from modelworks.contracts.format import Bad, Reading
from modelworks.core.errors import DataError
from modelworks.kinds import Example, Span, Spans, Text

SPANS = Reading(input="text", target="spans")
CONLL = contract.find("conll")


def read(folder: Path, text: str, columns: dict[str, str] | None = None) -> list[Example | Bad]:
    path = folder / "data.conll"
    path.write_text(text, "utf-8")
    return list(CONLL.read(path, Reading(input="text", target="spans", columns=columns or {})))


def spans(one: Example | Bad) -> list[tuple[str, str]]:
    assert isinstance(one, Example), one
    assert isinstance(one.input, Text)
    assert isinstance(one.target, Spans)
    return [(one.input.text[span.start : span.end], span.label) for span in one.target.spans]


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        ("IOB1", "I-per I-per B-per O I-loc I-org"),
        ("IOB2", "B-per I-per B-per O B-loc B-org"),
        ("BIOES", "B-per E-per S-per O S-loc S-org"),
        ("BILOU", "B-per L-per U-per O U-loc U-org"),
    ],
)
def test_every_scheme_gives_the_same_spans(tmp_path: Path, scheme: str, tags: str) -> None:
    words = ["Anna", "Smith", "Bob", "visited", "Rome", "Acme"]
    rows = "\n".join(f"{word}\t{tag}" for word, tag in zip(words, tags.split(), strict=True))
    assert spans(read(tmp_path, rows)[0]) == [("Anna Smith", "per"), ("Bob", "per"), ("Rome", "loc"), ("Acme", "org")]


@pytest.mark.parametrize(
    "text",
    [
        "Anna NNP B-NP B-per\nsleeps VBZ B-VP O\nwell RB I-VP O\n",
        "B-per\tAnna\nO\tsleeps\nO\twell\n",
        "1\tAnna\tB-per\t-\n2\tsleeps\tO\t-\n3\twell\tO\t-\n",
        "-DOCSTART- -X- -X- O\n\nAnna NNP B-NP B-per\nsleeps VBZ B-VP O\nwell RB I-VP O\n",
        "# sent_id = 7\n# text = Anna sleeps well\nAnna\tB-per\nsleeps\tO\nwell\tO\n",
        "\ufeffAnna B-per\r\nsleeps O\r\nwell O\r\n",
    ],
)
def test_every_layout_gives_the_same_sentence(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, text)
    assert len(found) == 1
    assert spans(found[0]) == [("Anna", "per")]
    assert found[0].input == Text("Anna sleeps well")  # type: ignore[union-attr]


def test_the_raw_text_is_kept_where_tokens_align(tmp_path: Path) -> None:
    one = read(tmp_path, "# text = Is it Anna's?  Yes.\nIs O\nit O\nAnna B-per\n's O\n? O\nYes O\n. O\n")[0]
    assert isinstance(one, Example)
    assert one.input == Text("Is it Anna's?  Yes.")
    assert spans(one) == [("Anna", "per")]
    other = read(tmp_path, "# text = something else\nAnna B-per\nslept O\n")[0]
    assert isinstance(other, Example)
    assert other.input == Text("Anna slept")


def test_ids_and_documents(tmp_path: Path) -> None:
    text = "# newdoc id = one\n# sent_id = s1\na\tO\n\n# sent_id = s2\nb\tB-x\n\n-DOCSTART-\n\nc\tO\n"
    found = [one for one in read(tmp_path, text) if isinstance(one, Example)]
    assert [(one.id, one.meta["document"]) for one in found] == [
        ("s1", "one"), ("s2", "one"), ("data.conll:10", "data.conll:1"),
    ]  # fmt: skip


def test_a_token_that_looks_like_a_comment_is_kept(tmp_path: Path) -> None:
    found = read(tmp_path, "# B-x\n#a=b O\nc O\n\nd O\n")
    assert [one.input for one in found if isinstance(one, Example)] == [Text("# #a=b c"), Text("d")]


def test_multiword_rows_of_conllu_are_left_out(tmp_path: Path) -> None:
    one = read(tmp_path, "1-2\tdel\tO\n1\tde\tO\n2\tel\tO\n3\tRio\tB-x\n")[0]
    assert isinstance(one, Example)
    assert one.input == Text("de el Rio")


def test_bad_sentences_are_told_with_their_line(tmp_path: Path) -> None:
    good = "a\tO\nb\tB-x\n\n" * 60
    found = read(tmp_path, good + "c\tO\nd\n\ne\tZ-x\n")
    bad = [one for one in found if isinstance(one, Bad)]
    assert [(one.where.rpartition(":")[2], one.message) for one in bad] == [
        ("182", "wrong number of columns"), ("184", "not a tag"),
    ]  # fmt: skip
    assert len(found) == 62


def test_a_file_without_tags_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column holds tags"):
        read(tmp_path, "just some\nprose here\n\nand more\n")


def test_columns_by_number(tmp_path: Path) -> None:
    rows = "Anna B-NP B-per\nsleeps B-VP O\n"
    assert spans(read(tmp_path, rows, {"tags": "2"})[0]) == [("Anna", "NP"), ("sleeps", "VP")]
    with pytest.raises(DataError, match="there is no column '9'"):
        read(tmp_path, rows, {"tags": "9"})


def test_writing_text_without_tokens(tmp_path: Path) -> None:
    text = "Visit (Rome)  now"
    target = Spans((Span(7, 11, "place"),))
    assert CONLL.write
    CONLL.write(tmp_path / "out.conll", [Example("a", Text(text), target)])
    one = next(iter(CONLL.read(tmp_path / "out.conll", SPANS)))
    assert isinstance(one, Example)
    assert one.input == Text(text)
    assert spans(one) == [("Rome", "place")]
