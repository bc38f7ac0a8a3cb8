"""What each perturbation of texts does, besides keeping the contract."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.core import registry
from modelworks.kinds import Span, Spans, Text
from modelworks.stages.evaluate.perturbations._edits import Edit, edited

TEXT = Text("The modern Straße from Kuala Lumpur to São Paulo is called warm and long")
TARGET = Spans((Span(11, 17, "street"), Span(23, 35, "city"), Span(39, 48, "city")))


def apply(name, seed, text=TEXT, target=TARGET):
    found = registry.leaf("modelworks.stages.evaluate.perturbations", name, "PERTURBATION")
    return found.apply(text, target, np.random.default_rng(seed))


def surfaces(text, spans):
    return [text.text[span.start : span.end] for span in spans.spans]


@pytest.mark.parametrize("name", ["unseen-characters", "truncation"])
@pytest.mark.parametrize("seed", range(30))
def test_what_is_put_in_or_cut_off_leaves_spans_whole(name, seed):
    text, target = apply(name, seed)
    expected = surfaces(TEXT, TARGET)
    assert surfaces(text, target) == expected[: len(target.spans)]
    if name == "unseen-characters":
        assert len(target.spans) == len(expected)
        assert len(text.text) > len(TEXT.text)
    else:
        assert TEXT.text.startswith(text.text)
        assert len(text.text.split()) >= 0.6 * len(TEXT.text.split()) - 1


def test_letters_that_become_two_move_the_spans_behind_them():
    found = {apply("casing", seed)[0].text: surfaces(*apply("casing", seed)) for seed in range(10)}
    assert found == {
        TEXT.text.upper(): ["STRASSE", "KUALA LUMPUR", "SÃO PAULO"],
        TEXT.text.lower(): ["straße", "kuala lumpur", "são paulo"],
    }


def test_typing_errors_touch_few_words_and_never_the_first_letter():
    for seed in range(30):
        text, target = apply("typos", seed)
        before, after = TEXT.text.split(), text.text.split()
        assert len(before) == len(after)
        assert 1 <= sum(a != b for a, b in zip(before, after, strict=True)) <= 6
        assert [word[0] for word in before] == [word[0] for word in after]
        assert len(target.spans) == 3


def test_misread_characters_follow_the_scanner():
    found = {apply("ocr-noise", seed)[0].text for seed in range(60)}
    assert any("modem" in text for text in found)
    assert any("1ong" in text for text in found)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="abcdefgh", min_size=1, max_size=20), st.data())
def test_characters_outside_all_edits_stay_in_or_out_of_their_span(text, data):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    edits = [
        Edit(a, b, data.draw(st.text(alphabet="XYZ", max_size=3))) for a, b in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    found, moved = edited(Text(text), Spans((Span(start, end, "x"),)), edits)
    kept = [n for n in range(start, end) if not any(e.start <= n < e.end for e in edits)]
    inside = "".join(text[n] for n in kept)
    marked = "".join(found.text[s.start : s.end] for s in moved.spans)
    assert "".join(c for c in marked if c.islower()) == inside
