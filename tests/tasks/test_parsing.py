"""Trees: encoded as the operations read them, moved along with edits, drawn with what is wrong in red."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.contracts import op as ops
from modelworks.contracts import task as tasks
from modelworks.core import registry
from modelworks.kinds import Edit, Sentence, Text, Token, Tree, Word

TASK = tasks.find("parsing")
EXAMPLES = TASK.example()
LABELS = sorted({label for example in EXAMPLES for label in example.target.labels()})


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_encoded_segments_are_read_back(example):
    text = example.input.text
    encoded = TASK.encode(example.target, {"text": text}, LABELS)
    (tokens,), (words,), (forms,), _ = ops.find("tokens.segment.v1").run(None, [text], [np.eye(6)[encoded["labels"]]])
    assert words.tolist() == encoded["words"].tolist()
    assert forms == encoded["forms"].tolist()
    assert tokens[:, 2].tolist() == encoded["sizes"].tolist()
    assert encoded["heads"].tolist() == [word.head for s in example.target.sentences for word in s.words]


def test_what_training_never_saw_carries_no_loss():
    encoded = TASK.encode(EXAMPLES[0].target, {"text": EXAMPLES[0].input.text}, ["upos=VERB", "deprel=root"])
    assert encoded["upos"].tolist() == [-100, 0, -100]
    assert encoded["deprel"].tolist() == [-100, 0, -100]


def test_words_that_are_no_pieces_of_their_token_share_its_offsets():
    words = (Word(1, "de", 3, deprel="case"), Word(2, "le", 3, deprel="det"))
    tokens = (Token(0, 2, "du", words), Token(3, 6, "roi", (Word(3, "roi", 0, deprel="root"),)))
    encoded = TASK.encode(Tree((Sentence(0, 6, tokens),)), {"text": "du roi"}, ["deprel=root"])
    assert encoded["words"].tolist() == [[0, 2], [0, 2], [3, 6]]
    assert encoded["labels"].tolist() == [0, 4, 0, 0, 0, 3]  # a token to look up, then the end of the sentence


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(EXAMPLES), st.data())
def test_a_tree_moves_along_with_edits_or_says_that_it_cannot(example, data):
    text = example.input.text
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=6)))
    edits = [
        Edit(a, b, data.draw(st.sampled_from(["", "x", "xyz", "ß", " "])))
        for a, b in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    moved = example.target.edited(edits)
    if moved is not None:
        moved.check()
        moved.fits(example.input.edited(edits))
        assert [w.head for s in moved.sentences for w in s.words] == [
            w.head for s in example.target.sentences for w in s.words
        ]
    assert example.target.edited([]) == example.target


@pytest.mark.parametrize("name", TASK.perturbations)
def test_most_perturbations_keep_the_trees(name):
    change = registry.leaf("modelworks.stages.evaluate.perturbations", name, "PERTURBATION")
    changed = 0
    for number, example in enumerate(EXAMPLES):
        value, target = change.apply(example.input, example.target, np.random.default_rng(number))
        target.fits(value)
        changed += value != example.input
    assert changed >= 3


def test_what_is_wrong_is_drawn_in_red():
    tree = EXAMPLES[1].target
    words = tuple(Token(t.start, t.end, t.text, (Word(w.id, w.form, 0 if w.id == 1 else 1, deprel="dep"),))
                  for s in tree.sentences for t in s.tokens for w in t.words)  # fmt: skip
    wrong = Tree((Sentence(tree.sentences[0].start, tree.sentences[0].end, words),))
    html = TASK.render(EXAMPLES[1].input, tree, wrong)
    assert html.index("target") < html.index("prediction")
    assert html.count("<svg") == html.count("</svg>") == 2
    assert "#c2362b" in html
    assert "#c2362b" not in TASK.render(EXAMPLES[1].input, tree, tree)
    assert TASK.render(Text("a<b"), None, None).count("a&lt;b") == 1
