"""Every kind: JSON there and back, a schema, and refusal of what it is not."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelworks import kinds
from modelworks.core.errors import ConfigError, RequestError
from modelworks.kinds import (
    Accepted,
    Answer,
    Answers,
    Article,
    Completion,
    Continuation,
    Document,
    Embedding,
    Entities,
    Entity,
    Hit,
    Hits,
    Image,
    Kind,
    Label,
    Labels,
    LabelScores,
    LabelSet,
    Length,
    Pair,
    Prompt,
    Reference,
    References,
    Relevant,
    Sampling,
    Scored,
    Sentence,
    Sourced,
    SourcedAnswer,
    Span,
    Spans,
    Tagged,
    TaggedToken,
    Tags,
    Text,
    Token,
    TokenScore,
    Tree,
    Usage,
    Word,
    Written,
    headers,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCORE = st.floats(0, 1)
SCORED = st.builds(Scored, TEXT, SCORE)
ENTITY = st.builds(Entity, TEXT, SCORE, TEXT, st.integers(0, 99), st.integers(0, 99))
FILLED = TEXT.filter(lambda text: bool(text.strip()))
ANSWER = st.builds(Answer, TEXT, SCORE, st.integers(0, 99), st.integers(0, 99))
SOURCED = st.builds(SourcedAnswer, TEXT, SCORE, TEXT, st.integers(0, 99), st.integers(0, 99))
HIT = st.builds(Hit, TEXT, SCORE, TEXT, TEXT, st.integers(0, 99))
STOPS = st.lists(TEXT.filter(bool), max_size=2).map(tuple)
SPANS = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), max_size=5)
TAGGED = st.builds(TaggedToken, TEXT, TEXT, SCORE, st.integers(0, 99), st.integers(0, 99))
VALUES: dict[str, st.SearchStrategy[Kind]] = {
    "text": st.builds(Text, TEXT),
    "image": st.builds(Image, st.binary(min_size=1)),
    "label": st.builds(Label, TEXT.filter(bool)),
    "labels": st.builds(Labels, TEXT, SCORE, st.lists(SCORED).map(tuple)),
    "label_set": st.sets(TEXT.filter(bool)).map(lambda found: LabelSet(tuple(sorted(found)))),
    "label_scores": st.builds(LabelScores, st.lists(TEXT).map(tuple), st.lists(SCORED).map(tuple)),
    "spans": SPANS.map(lambda gaps: Spans(tuple(_laid_out(gaps)))),
    "pair": st.builds(Pair, FILLED, FILLED, TEXT),
    "accepted": st.lists(st.builds(Reference, FILLED, st.integers(0, 99))).map(lambda found: Accepted(tuple(found))),
    "answers": st.builds(Answers, TEXT, SCORE, st.integers(0, 9), st.integers(0, 9), st.lists(ANSWER).map(tuple)),
    "article": st.tuples(FILLED, st.integers(0, 9)).map(
        lambda one: Article(one[0], (), ((0, 1),), Length(words=one[1]))
    ),
    "document": st.builds(Document, TEXT, TEXT),
    "relevant": st.dictionaries(TEXT, st.integers(-1, 4)).map(Relevant),
    "hits": st.lists(HIT).map(lambda found: Hits(tuple(found))),
    "sourced": st.builds(Sourced, TEXT, SCORE, TEXT, st.lists(SOURCED).map(tuple), st.lists(HIT).map(tuple)),
    "embedding": st.lists(SCORE).map(lambda found: Embedding(tuple(found))),
    "tags": SPANS.map(lambda gaps: Tags(("X",) * len(gaps), tuple((s.start, s.end) for s in _laid_out(gaps)))),
    "tagged": st.lists(TAGGED).map(lambda found: Tagged(tuple(found))),
    "tree": st.lists(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4), max_size=3).map(lambda s: _tree(s)),
    "references": st.lists(FILLED, min_size=1).map(lambda texts: References(tuple(texts))),
    "written": st.builds(Written, TEXT),
    "prompt": st.builds(Prompt, TEXT, st.just(()), st.builds(Sampling, max_tokens=st.integers(0, 9), stop=STOPS)),
    "continuation": st.builds(Continuation, FILLED, st.booleans()),
    "completion": TEXT.map(
        lambda text: Completion(text, "stop", Usage(1, 2), (TokenScore(text, 0, len(text), -1.0),) if text else ())
    ),
    "entities": st.lists(ENTITY).map(lambda found: Entities(tuple(found))),
}


def _tree(sentences: list[list[tuple[str, str]]]) -> Tree:
    """(form, lemma) of the words of each sentence -> a chain of words under the first."""
    made, at = [], 0
    for words in sentences:
        tokens = tuple(
            Token(at + n, at + n + 1, form, (Word(n + 1, form, n, lemma),)) for n, (form, lemma) in enumerate(words)
        )
        made.append(Sentence(at, at + len(words), tokens))
        at += len(words)
    return Tree(tuple(made))


def _laid_out(gaps: list[tuple[int, int]]) -> list[Span]:
    """(gap before, length) -> spans in order that do not overlap."""
    spans, at = [], 0
    for gap, length in gaps:
        spans.append(Span(at + gap, at + gap + length, "x"))
        at += gap + length
    return spans


def test_every_kind_is_tried_here() -> None:
    assert set(VALUES) == set(kinds.KINDS)


@pytest.mark.parametrize("name", VALUES)
@given(data=st.data())
def test_json_there_and_back(name: str, data: st.DataObject) -> None:
    value = data.draw(VALUES[name])
    assert kinds.decode(name, kinds.encode(value)) == value
    assert kinds.decode(name, msgspec.json.decode(kinds.encode(value))) == value
    assert value.size() >= 0
    assert all(amount >= 0 for amount in value.extents().values())


@pytest.mark.parametrize("name", VALUES)
def test_schema_names_its_fields(name: str) -> None:
    schema = kinds.schema(name)
    fields = {f.encode_name for f in msgspec.structs.fields(kinds.KINDS[name])}
    assert set(schema["$defs"][kinds.KINDS[name].__name__]["properties"]) == fields


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("wrong", [b"", b"null", b"[]", b'{"unknown": 1}', b'{"text": 3}', b"\xff"])
def test_what_it_is_not_is_refused_with_what_it_has(name: str, wrong: bytes) -> None:
    with pytest.raises(RequestError) as caught:
        kinds.decode(name, wrong, "body")
    assert caught.value.where == "body"
    assert caught.value.allowed


@pytest.mark.parametrize(
    "spans",
    [[(3, 3)], [(4, 2)], [(-1, 2)], [(0, 3), (2, 4)], [(5, 6), (0, 1)]],
    ids=["empty", "reversed", "negative", "overlap", "order"],
)
def test_spans_that_contradict_themselves(spans: list[tuple[int, int]]) -> None:
    value = Spans(tuple(Span(a, b, "x") for a, b in spans))
    with pytest.raises(ValueError, match="span"):
        value.check()


def test_unknown_kind() -> None:
    with pytest.raises(ConfigError, match="no kind"):
        kinds.schema("sound")


@given(st.binary(max_size=64))
def test_headers_never_raise(data: bytes) -> None:
    size = headers.size(data)
    assert size is None or (size[0] >= 0 and size[1] >= 0)
    headers.whole(data)
