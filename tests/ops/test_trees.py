"""Spanning trees against brute force; segmentation, lemmas and assembly for any Unicode."""

from __future__ import annotations

import time
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelworks.contracts import op as ops
from modelworks.kinds import Tree, Word
from modelworks.kinds.tree import check_tree, find_cycle
from modelworks.ops.lemma import apply, script
from modelworks.ops.tokens import SEGMENTS, classes_of, words_of
from modelworks.ops.tree import decode, groups, mst

TEXT = st.text(
    st.one_of(st.characters(exclude_categories=("Cs",)), st.sampled_from(" \n\t.’'-😀e\u0301न")), max_size=40
)
SEEDS = st.integers(0, 10_000)


def run(name: str, *inputs: object, **params: object) -> object:
    return ops.find(name).run(None, *inputs, **params)


def _is_tree(heads: list[int]) -> bool:
    return heads.count(0) == 1 and not find_cycle(heads)


def _best(scores: np.ndarray) -> float:
    """The highest sum over all trees with one root."""
    n = len(scores) - 1
    trees = (heads for heads in product(range(n + 1), repeat=n) if _is_tree(list(heads)))
    return max(sum(scores[i + 1, head] for i, head in enumerate(heads)) for heads in trees)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(1, 5), st.sampled_from([0.01, 1.0, 1e4]))
def test_no_tree_is_better(seed: int, n: int, scale: float) -> None:
    scores = np.random.default_rng(seed).normal(0, scale, (n + 1, n + 1))
    heads = mst(scores)
    assert _is_tree(heads.tolist())
    assert sum(scores[i + 1, head] for i, head in enumerate(heads)) == pytest.approx(_best(scores))


def test_a_crossing_tree_is_found() -> None:
    heads = [2, 4, 4, 0, 2]  # "A hearing is scheduled … on": 5 under 2 crosses 3 and 4
    scores = np.full((6, 6), -5.0)
    scores[np.arange(1, 6), heads] = 5
    assert mst(scores).tolist() == heads


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 7), SEEDS)
def test_odd_scores_still_give_a_tree(n: int, seed: int) -> None:
    odd = [0.0, 1.0, np.nan, np.inf, -np.inf, 1e300, 3e38, -3.0]
    scores = np.random.default_rng(seed).choice(odd, (n + 1, n + 1))
    assert _is_tree(mst(scores).tolist())
    assert _is_tree(decode(scores[None], np.array([n]))[0].tolist())


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_a_batch_is_decoded_as_its_sentences_are(seed: int, lengths: list[int]) -> None:
    scores = np.random.default_rng(seed).normal(0, 1, (len(lengths), max(lengths) + 1, max(lengths) + 1))
    found = decode(scores, np.array(lengths))
    assert found.shape == (len(lengths), max(lengths))
    for row, n in enumerate(lengths):
        assert found[row, :n].tolist() == mst(scores[row, : n + 1, : n + 1]).tolist()
        assert not found[row, n:].any()


def test_the_op_takes_sentences_of_any_length() -> None:
    (none, one) = run("tree.mst.v1", [np.zeros((1, 1)), np.zeros((2, 2))])  # type: ignore[misc]
    assert none.tolist() == []
    assert one.tolist() == [0]


@settings(max_examples=200, deadline=None)
@given(TEXT, SEEDS)
def test_any_logits_make_tokens_that_slice_the_text(text: str, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, (len(text), len(SEGMENTS)))
    (tokens,), (words,), (forms,), (sentences,) = run("tokens.segment.v1", [text], [logits])  # type: ignore[misc]
    assert sentences.sum() == len(tokens)
    assert tokens[:, 2].sum() == len(words) == len(forms)
    assert [text[a:b] for a, b in words.tolist()] == forms
    end = 0
    for start, stop, _ in tokens.tolist():
        assert end <= start < stop
        assert not text[end:start].strip()
        assert not any(c.isspace() for c in text[start:stop])
        end = stop
    assert not text[end:].strip() or not len(tokens)
    assert "".join(text[a:b] for a, b, _ in tokens.tolist()) == "".join(c for c in text if not c.isspace())


@settings(max_examples=200, deadline=None)
@given(TEXT, SEEDS)
def test_classes_are_read_back_as_the_tokens_they_say(text: str, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(0, 3, (len(text), 4))
    logits = np.concatenate([logits, np.full((len(text), 2), -99.0)], axis=1)
    first = run("tokens.segment.v1", [text], [logits])
    (tokens,), (words,), _, (sizes,) = first  # type: ignore[misc]
    cuts = iter(words.tolist())
    units = [(a, b, [end for _, end in [next(cuts) for _ in range(n)]][:-1]) for a, b, n in tokens.tolist()]
    ends = np.cumsum(sizes).tolist()
    sentences = [units[a:b] for a, b in pairwise([0, *ends])]
    again = run("tokens.segment.v1", [text], [np.eye(len(SEGMENTS))[classes_of(text, sentences)]])
    for one, other in zip(first, again, strict=True):  # type: ignore[call-overload]
        assert np.array_equal(one[0], other[0])


def test_a_multiword_token_is_looked_up_in_its_casing() -> None:
    text = "Du pain DU"
    logits = np.eye(len(SEGMENTS))[classes_of(text, [[(0, 2, None), (3, 7, []), (8, 10, None)]])]
    tools = type("Tools", (), {"resource": lambda self, name: {"du": ["de", "le"]}})()
    (tokens,), (words,), (forms,), (sizes,) = ops.find("tokens.segment.v1").run(
        tools, [text], [logits], expansions="known"
    )
    assert forms == ["De", "le", "pain", "DE", "LE"]
    assert tokens.tolist() == [[0, 2, 2], [3, 7, 1], [8, 10, 2]]
    assert words.tolist() == [[0, 2], [0, 2], [3, 7], [8, 10], [8, 10]]
    assert sizes.tolist() == [3]


WORD = st.text(st.characters(exclude_categories=("Cs", "Z", "Cc")), min_size=1, max_size=8)


@settings(max_examples=300, deadline=None)
@given(WORD, st.one_of(WORD, st.just("_")))
def test_a_script_makes_its_lemma(form: str, lemma: str) -> None:
    assert apply(script(form, lemma), form) == lemma


@settings(max_examples=200, deadline=None)
@given(WORD, WORD, WORD)
def test_a_script_of_another_word_does_no_harm(form: str, lemma: str, other: str) -> None:
    assert isinstance(apply(script(form, lemma), other), str)


@pytest.mark.parametrize(
    ("form", "lemma", "other", "expected"),
    [("Dogs", "dog", "CATS", "cat"), ("Running", "run", "sitting", "sit"), ("NASA", "NASA", "UN", "UN"),
     ("Londons", "London", "Romes", "Rome"), ("was", "be", "was", "be"), ("best", "good", "Best", "good")],
)  # fmt: skip
def test_a_script_serves_words_of_its_pattern(form: str, lemma: str, other: str, expected: str) -> None:
    assert apply(script(form, lemma), other) == expected


def test_lemmas_come_from_scripts_by_number() -> None:
    scripts = ["l|0+|0+", "l|0+|1+", "=be"]
    tools = type("Tools", (), {"resource": lambda self, name: scripts})()
    found = ops.find("lemma.edit.v1").run(tools, [["Dogs", "are", "Here"]], [np.array([1, 2, 0])])
    assert found == [["dog", "be", "here"]]


def test_columns_become_sentences() -> None:
    text = "I don't.\nStop"
    names = {"upos": ["X", "Y"], "xpos": ["_"], "feats": ["_"], "deprel": ["dep", "root"]}
    zeros = np.zeros(5, np.int64)
    columns = ([["I", "do", "n't", ".", "Stop"]], [["I", "do", "not", ".", "stop"]], [np.array([0, 1, 0, 0, 1])])
    tokens = np.array([[0, 1, 1], [2, 7, 2], [7, 8, 1], [9, 13, 1]])
    (sentences,) = run(  # type: ignore[misc]
        "tree.assemble.v1", [text], [tokens], [np.array([3, 1])], *columns, [zeros], [zeros],
        [np.array([2, 0, 2, 2, 0])], [np.array([0, 1, 0, 0, 1])], names=names,
    )  # fmt: skip
    tree = Tree(sentences)
    tree.check()
    assert [(s.start, s.end) for s in sentences] == [(0, 8), (9, 13)]
    assert [token.text for token in sentences[0].tokens] == ["I", "don't", "."]
    assert [(w.id, w.form, w.lemma, w.upos, w.head, w.deprel) for w in sentences[0].words][2] == (
        3, "n't", "not", "X", 2, "dep",
    )  # fmt: skip


def test_classes_are_grouped_by_layer() -> None:
    found = groups(["seg=token", "upos=NOUN", "feats=Mood=Ind|Tense=Past", "deprel=nsubj:pass", "upos=X"])
    assert found == {
        "seg": ["token"], "upos": ["NOUN", "X"], "xpos": [], "feats": ["Mood=Ind|Tense=Past"], "deprel": ["nsubj:pass"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("heads", "message"), [([0, 0], "2 roots"), ([2, 1], "0 roots"), ([0, 3, 2], "circle"), ([0, 5], "head 5")]
)
def test_what_is_no_tree_is_refused(heads: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_tree([Word(n, "a", head) for n, head in enumerate(heads, 1)], "sentence 1")


def test_given_tokens_take_the_place_of_those_that_were_found() -> None:
    texts = ["Rain falls. It does.", "as it was", "  "]
    logits = [np.eye(6)[classes_of(texts[0], [[(0, 4, []), (5, 11, [])], [(12, 14, []), (15, 20, [])]])]]
    logits += [np.eye(6)[classes_of(texts[1], [[(0, 2, []), (3, 5, []), (6, 9, [])]])], np.zeros((2, 6))]
    found = ops.find("tokens.segment.v1").run(None, texts, logits)
    given = [[(0, 4), (5, 10), (10, 11), (12, 20)], [], [(0, 1)]]
    tokens, words, forms, sentences = ops.find("tokens.given.v1").run(None, texts, given, *found)
    assert forms == [["Rain", "falls", ".", "It does."], ["as", "it", "was"], [" "]]
    assert [row.tolist() for row in sentences] == [[3, 1], [3], [1]]
    assert tokens[0].tolist() == [[0, 4, 1], [5, 10, 1], [10, 11, 1], [12, 20, 1]]
    assert words[1].tolist() == [[0, 2], [3, 5], [6, 9]]


def test_given_tokens_are_the_words() -> None:
    assert words_of("don't", ((0, 2), (2, 5))).tolist() == [[0, 2], [2, 5]]
    assert words_of("don't", ()).tolist() == [[0, 3], [3, 5]]
    values, words = np.array([[7], [8]]), np.array([[0, 2], [2, 5]])
    (spread,) = run("tokens.spread.v1", [values], [words], [np.array([[0, 1], [1, 2], [2, 5], [5, 5]])])  # type: ignore[misc]
    assert spread.tolist() == [[7], [7], [8], [0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("I don't know, can't say.", "I do n't know , ca n't say ."), ("They’re Bob's", "They ’re Bob 's"),
     ("U.S. firms, e.g. IBM", "U.S. firms , e.g. IBM"), ("Dr. A. Smith left...", "Dr. A. Smith left ..."),
     ("mail me@x.org or see api.pdf on 08/16/2000!!", "mail me@x.org or see api.pdf on 08/16/2000 !!"),
     ("cannot gonna :-) 😀", "can not gon na :-) 😀"), ("一起 café", "一起 café"), ("", "")],
)  # fmt: skip
def test_own_tokens_are_those_of_treebanks(text: str, expected: str) -> None:
    (found,) = run("tokens.own.v1", [text], [()])  # type: ignore[misc]
    assert " ".join(text[a:b] for a, b in found) == expected
    assert run("tokens.own.v1", [text], [((0, 1),)]) == [[(0, 1)]]


@settings(max_examples=200, deadline=None)
@given(TEXT)
def test_own_tokens_lie_in_order_in_any_text(text: str) -> None:
    (found,) = run("tokens.own.v1", [text], [()])  # type: ignore[misc]
    end = 0
    for start, stop in found:
        assert end <= start < stop
        assert not any(c.isspace() for c in text[start:stop])
        end = stop


@pytest.mark.parametrize(
    "piece", ["a", "a-", "a+", "a.", "1", "1,", "@", "a@", "n't", "'", "https://", ".", "A. ", "é-"]
)
def test_no_text_takes_long(piece: str) -> None:

    text = piece * (50_000 // len(piece))
    began = time.process_time()
    run("tokens.own.v1", [text], [()])
    assert time.process_time() - began < 3


def test_subwords_never_reach_over_given_tokens() -> None:
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {"[UNK]": 0, "do": 1, "##n": 2, "'": 3, "t": 4, "don": 5, "n": 6}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tools = type("Tools", (), {"resource": lambda self, name: tokenizer})()
    ids, units = ops.find("tokens.subwords.v1").run(tools, ["don't", "don't", ""], [((0, 2), (2, 5)), (), ()])
    assert [row.tolist() for row in ids] == [[1, 6, 3, 4], [5, 3, 4], []]
    assert [row.tolist() for row in units] == [[[0, 2], [2, 3], [3, 4], [4, 5]], [[0, 3], [3, 4], [4, 5]], []]
    again, _ = ops.find("tokens.subwords.v1").run(tools, ["a don't"], [((2, 4), (4, 7))])
    assert again[0].tolist() == [1, 6, 3, 4]
