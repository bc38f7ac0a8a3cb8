"""CoNLL-U: documents with exact text, every fault with its place, and back to the same bytes."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelworks import formats
from modelworks.contracts import format as contract
from modelworks.contracts.format import Bad, Reading
from modelworks.core.errors import DataError
from modelworks.kinds import Example, Sentence, Tags, Text, Token, Tree, Word

CONLLU = contract.find("conllu")
TREE = Reading(input="text", target="tree")
TAGS = Reading(input="text", target="tags")

SAMPLE = """\
# newdoc id = letters-1
# sent_id = letters-1-1
# newpar id = p1
# text = I don't know.
1\tI\tI\tPRON\tPRP\tNumber=Sing\t4\tnsubj\t4:nsubj\t_
2-3\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
2\tdo\tdo\tAUX\tVBP\t_\t4\taux\t4:aux\t_
3\tn't\tnot\tPART\tRB\tPolarity=Neg\t4\tadvmod\t4:advmod\tCxn=Neg
4\tknow\tknow\tVERB\tVB\t_\t0\troot\t0:root\tSpaceAfter=No
5\t.\t.\tPUNCT\t.\t_\t4\tpunct\t4:punct\t_

# sent_id = letters-1-2
# text = 😀 Aaron saw it
1\t😀\t😀\tSYM\tNFP\t_\t3\tdiscourse\t_\t_
2\tAaron\tAaron\tPROPN\tNNP\t_\t3\tnsubj\t_\t_
2.1\tnever\tnever\tADV\tRB\t_\t_\t_\t3:advmod\t_
3\tsaw\tsee\tVERB\tVBD\t_\t0\troot\t_\t_
4\tit\tit\tPRON\tPRP\t_\t3\tobj\t_\t_

# sent_id = letters-1-3
# newpar id = p2
# text = Aux armes du  roi
1\tAux\ta\tADP\t_\t_\t2\tcase\t_\t_
2\tarmes\tarme\tNOUN\t_\t_\t0\troot\t_\t_
3-4\tdu\t_\t_\t_\t_\t_\t_\t_\tSpacesAfter=\\s\\s
3\tde\tde\tADP\t_\t_\t5\tcase\t_\t_
4\tle\tle\tDET\t_\t_\t5\tdet\t_\t_
5\troi\troi\tNOUN\t_\t_\t2\tnmod\t_\t_

"""
WORD = "{}\t{}\t_\tX\t_\t_\t{}\tdep\t_\t_\n"


def read(folder: Path, text: str, reading: Reading = TREE) -> list[Example | Bad]:
    path = folder / "data.conllu"
    path.write_text(text, "utf-8")
    return list(CONLLU.read(path, reading))


def example(folder: Path, text: str, reading: Reading = TREE) -> Example:
    (found,) = read(folder, text, reading)
    assert isinstance(found, Example), found
    return found


def test_a_document_has_its_exact_text(tmp_path: Path) -> None:
    one = example(tmp_path, SAMPLE)
    assert one.id == "letters-1"
    assert one.input == Text("I don't know. 😀 Aaron saw it\n\nAux armes du  roi")
    assert isinstance(one.target, Tree)
    one.target.check()
    one.target.fits(one.input)
    first, second, third = one.target.sentences
    assert [token.text for token in first.tokens] == ["I", "don't", "know", "."]
    assert [word.form for word in first.words] == ["I", "do", "n't", "know", "."]
    assert first.words[2] == Word(3, "n't", 4, "not", "PART", "RB", "Polarity=Neg", "advmod", "4:advmod", "Cxn=Neg")
    assert second.empty[0].startswith("2.1\tnever")
    assert [word.form for word in third.tokens[2].words] == ["de", "le"]


def test_it_is_written_as_it_was_read(tmp_path: Path) -> None:
    one = example(tmp_path, SAMPLE)
    assert CONLLU.write is not None
    CONLLU.write(tmp_path / "again.conllu", [one])
    assert (tmp_path / "again.conllu").read_text("utf-8") == SAMPLE


def test_tags_stand_beside_the_words_of_each_sentence(tmp_path: Path) -> None:
    first, _, third = read(tmp_path, SAMPLE, TAGS)
    assert isinstance(first, Example)
    assert isinstance(third, Example)
    assert first.input == Text("I don't know.", ((0, 1), (2, 4), (4, 7), (8, 12), (12, 13)))
    assert first.target == Tags(("PRON", "AUX", "PART", "VERB", "PUNCT"), first.input.tokens)
    assert isinstance(third.target, Tags)
    assert third.target.tags == ("ADP", "NOUN", "ADP+DET", "NOUN")  # `du` holds neither `de` nor `le`
    xpos = Reading(input="text", target="tags", columns={"tags": "xpos"})
    found = read(tmp_path, SAMPLE, xpos)[0]
    assert isinstance(found, Example)
    assert list(found.target.labels()) == ["PRP", "VBP", "RB", "VB", "."]  # type: ignore[union-attr]


def test_spans_stand_in_misc(tmp_path: Path) -> None:
    misc = (("In", "NER=O"), ("New", "NER=B-LOC"), ("York", "NER=I-LOC|SpaceAfter=No"))
    empty = "\t".join("_" * 7)
    rows = "".join(f"{n}\t{form}\t{empty}\t{value}\n" for n, (form, value) in enumerate(misc, 1))
    one = example(tmp_path, rows, Reading(input="text", target="spans"))
    assert [(s.start, s.end, s.label) for s in one.target.spans] == [(3, 11, "LOC")]  # type: ignore[union-attr]
    with pytest.raises(DataError, match="no column holds tags"):
        read(tmp_path, SAMPLE, Reading(input="text", target="spans"))


def test_without_marks_a_document_is_a_few_sentences(tmp_path: Path) -> None:
    found = read(tmp_path, (WORD.format(1, "Yes", 0) + "\n") * 45)
    assert [len(one.target.sentences) for one in found if isinstance(one, Example)] == [20, 20, 5]  # type: ignore[union-attr]
    assert len({one.id for one in found if isinstance(one, Example)}) == 3


@pytest.mark.parametrize(
    ("rows", "line", "message", "seen", "allowed"),
    [
        ("1\ta\t_\tX\n", 1, "wrong number of columns", "4: 1 a _ X", "10 columns"),
        (WORD.format(1, "a", 0) + WORD.format(3, "b", 1), 2, "bad id", "3", "2 or a range 2-N"),
        (WORD.format("x", "a", 0), 1, "bad id", "x", "1, a range"),
        (WORD.format("2-1", "a", 0), 1, "bad id", "2-1", "1 or a range"),
        (WORD.format("1-3", "ab", "_") + WORD.format(1, "a", 0), 1, "past its sentence", "1-3", "ranges up to 1"),
        (WORD.format(1, "a", 0) + WORD.format(2, "b", 7), 2, "head out of range", "7", "0 to 2"),
        (WORD.format(1, "a", "_"), 1, "head out of range", "_", "0 to 1"),
        (WORD.format(1, "a", 0) + WORD.format(2, "b", 0), 2, "several roots", "2 (words 1, 2)", "one word"),
        (WORD.format(1, "a", 2) + WORD.format(2, "b", 1), 1, "no root", "0", "one word"),
        (
            WORD.format(1, "a", 0) + WORD.format(2, "b", 3) + WORD.format(3, "c", 2),
            2,
            "cyclic",
            "words 2 → 3 → 2",
            "root",
        ),
        (WORD.format(1, "a", 0) + WORD.format(2, "b", 2), 2, "cyclic", "words 2 → 2", "root"),
        ("# text = b\n" + WORD.format(1, "a", 0), 1, "do not make up", "a", "b"),
        ("1\t\t_\tX\t_\t_\t0\troot\t_\t_\n", 1, "form is empty", "", "a form"),
    ],
)
def test_a_fault_has_its_place(
    tmp_path: Path, rows: str, line: int, message: str, seen: str, allowed: str
) -> None:  # fmt: skip
    good = WORD.format(1, "Fine", 0)
    bad, one = read(tmp_path, f"{rows}\n{good}\n")
    assert isinstance(bad, Bad)
    assert bad.where == f"{tmp_path / 'data.conllu'}:{line}"
    assert message in bad.message
    assert bad.seen == seen
    assert allowed in bad.allowed
    assert isinstance(one, Example)
    assert one.input == Text("Fine")  # the rest of the document is used


def test_packed_files_are_read_and_recognised(tmp_path: Path) -> None:
    path = tmp_path / "data.conllu.gz"
    path.write_bytes(gzip.compress(SAMPLE.encode()))
    assert formats.detect(path).name == "conllu"
    (one,) = CONLLU.read(path, TREE)
    assert isinstance(one, Example)
    assert one.id == "letters-1"
    path.write_bytes(gzip.compress(SAMPLE.encode())[:60])
    with pytest.raises(DataError, match="cannot read"):
        list(CONLLU.read(path, TREE))


FORMS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=6)
SPACES = st.sampled_from(["", " ", "  ", "\n", "\n\n", "\t", " \r\n", "\u00a0", "\u3000"])


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, Tree]:
    """Any words with any white space between, in sentences that are chains."""
    text, sentences = draw(SPACES), []
    for _ in range(draw(st.integers(1, 3))):
        tokens, count = list[Token](), 0
        for form in draw(st.lists(FORMS, min_size=1, max_size=4)):
            text += draw(SPACES) if tokens else ""
            parts = [form[:1], form[1:]] if len(form) > 1 and draw(st.booleans()) else [form]
            words = tuple(
                Word(count + n, part, count + n - 1, part, "X", deprel="dep") for n, part in enumerate(parts, 1)
            )
            tokens.append(Token(len(text), len(text) + len(form), form, words))
            text, count = text + form, count + len(parts)
        sentences.append(Sentence(tokens[0].start, tokens[-1].end, tuple(tokens)))
        text += draw(SPACES)
    return text, Tree(tuple(sentences))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents())
def test_any_document_survives(tmp_path: Path, one: tuple[str, Tree]) -> None:
    """Text and trees come back; what they did not say before (comments) may be there now."""
    text, tree = one
    assert CONLLU.write is not None
    CONLLU.write(tmp_path / "any.conllu", [Example("a", Text(text), tree)])
    (found,) = CONLLU.read(tmp_path / "any.conllu", TREE)
    assert isinstance(found, Example), found
    assert isinstance(found.target, Tree)
    found.target.check()
    found.target.fits(found.input)
    assert found.input == Text(text)
    assert [[token for token in s.tokens] for s in found.target.sentences] == [[*s.tokens] for s in tree.sentences]
