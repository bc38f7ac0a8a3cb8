"""Tags of given and of own tokens, exact in any script."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.contracts import metric as metrics
from modelworks.contracts import op as ops
from modelworks.contracts import task as tasks
from modelworks.kinds import Tagged, TaggedToken, Tags, Text
from modelworks.ops.tokens import words_of

TASK = tasks.find("pos")
LABELS = ["ADJ", "NOUN", "VERB"]
ODD = "aB 1.’'@😀👩\u200d🏽\u0301नमिשלֹ中ß\u00a0"


def choose(text, given_tokens, units, logits):
    (found,) = ops.find("tags.choose.v1").run(None, [logits], [units], [text], [given_tokens], tags=LABELS)
    return found


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=ODD, max_size=40), st.data())
def test_what_is_encoded_decodes_to_the_same_tags_in_any_script(text, data):
    own = [tuple(word) for word in words_of(text, ()).tolist()]
    given_tokens = tuple(data.draw(st.sampled_from([own, [(n, n + 1) for n, c in enumerate(text) if not c.isspace()]])))
    tags = tuple(data.draw(st.sampled_from(LABELS)) for _ in given_tokens)
    units = words_of(text, given_tokens)
    row = {"text": text, "given": given_tokens, "units": units}
    encoded = TASK.encode(Tags(tags, given_tokens), row, LABELS)["labels"]
    found = choose(text, given_tokens, units, np.eye(len(LABELS))[encoded] * 20)
    if given_tokens:
        expected = [(*place, tag) for place, tag in zip(given_tokens, tags, strict=True)]
        assert [(t.start, t.end, t.tag) for t in found] == expected
    assert all(t.word == text[t.start : t.end] for t in found)


def test_a_word_speaks_by_its_first_unit_and_one_without_has_no_opinion():
    text, tokens = "un!", ((0, 2), (2, 3))
    units = np.array([[0, 1], [1, 2]])  # no unit for the mark
    found = choose(text, tokens, units, np.array([[0, 9.0, 0], [9.0, 0, 0]]))
    assert [(t.word, t.tag) for t in found] == [("un", "NOUN"), ("!", "ADJ")]
    assert found[1].score == pytest.approx(1 / 3, abs=1e-3)
    encoded = TASK.encode(Tags(("NOUN", "VERB"), tokens), {"text": text, "given": tokens, "units": units}, LABELS)
    assert encoded["labels"].tolist() == [1, -100]


def test_tokens_that_differ_count_against_both():
    target = Tags(("NOUN", "VERB"), ((0, 2), (3, 5)))
    said = Tagged(
        (TaggedToken("ab", "NOUN", 1.0, 0, 2), TaggedToken("c", "VERB", 1.0, 3, 4), TaggedToken("d", "X", 1.0, 4, 5))
    )
    value = {}
    for name in ("tag_accuracy", "tag_f1"):
        metric = metrics.find(name)
        value[name] = metric.score([metric.statistics(target, said, LABELS)], np.ones((1, 1)))[0]
    assert value == {"tag_accuracy": pytest.approx(1 / 2), "tag_f1": pytest.approx(2 / 5)}


def test_what_is_wrong_is_marked():
    html = TASK.render(
        Text("a<b 😀"), Tags(("NOUN", "X"), ((0, 3), (4, 5))),
        Tagged((TaggedToken("a<b", "VERB", 1.0, 0, 3), TaggedToken("😀", "X", 1.0, 4, 5))),
    )  # fmt: skip
    assert html.index("target") < html.index("prediction")
    assert html.count("outline") == 1
    assert "a&lt;b" in html


def test_tags_of_a_row_stand_beside_its_words():
    text = Text.from_fields({"tokens": ["Rain", "falls", "."]})
    tags = Tags.from_fields({"tags": ["NOUN", "VERB", "PUNCT"]}, text)
    assert text == Text("Rain falls .", ((0, 4), (5, 10), (11, 12)))
    tags.fits(text)
    with pytest.raises(ValueError, match="3 tokens, but 1 tags"):
        Tags.from_fields({"tags": ["NOUN"]}, text)
