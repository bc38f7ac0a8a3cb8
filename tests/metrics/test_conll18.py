"""The CoNLL 2018 scores against the field's own scorer (`udtools.udeval`), through files our writer made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelworks.contracts import format as formats
from modelworks.contracts import metric as metrics
from modelworks.kinds import Example, Sentence, Text, Token, Tree, Word

NAMES = {
    "tokens_f1": "Tokens", "sentences_f1": "Sentences", "words_f1": "Words", "upos_f1": "UPOS", "xpos_f1": "XPOS",
    "ufeats_f1": "UFeats", "lemmas_f1": "Lemmas", "uas": "UAS", "las": "LAS", "clas": "CLAS", "mlas": "MLAS",
    "blex": "BLEX",
}  # fmt: skip
RELATIONS = ("nsubj", "obl:tmod", "det", "aux:pass", "cc", "punct", "conj", "case", "compound:prt")
FEATS = ("_", "Number=Sing", "Mood=Ind|Tense=Past", "Style=Coll|Number=Plur", "Abbr=Yes")
TEXT = "The dogs don't see du café, or do they? Nobody knows what 3.5 %\n\nAl-Zaman said: we've won it all!"


def _words(token: str, first: int, generator: np.random.Generator) -> tuple[Word, ...]:
    """One word, or the token as two pieces, or as two words that are none."""
    way = generator.random()
    forms = [token]
    if len(token) > 2 and way < 0.2:
        at = int(generator.integers(1, len(token)))
        forms = [token[:at], token[at:]]
    elif way < 0.25:
        forms = ["de", "le", token]
    pick = generator.choice
    layers = (["a", token.lower(), "_"], ["NOUN", "VERB"], ["X", "Y"], FEATS, RELATIONS)
    return tuple(Word(first + n, form, 0, *(str(pick(values)) for values in layers)) for n, form in enumerate(forms))


def _headed(words: list[Word], generator: np.random.Generator) -> dict[int, Word]:
    """Random heads that make a tree with one root: each word hangs from one that hangs already."""
    order = generator.permutation(len(words)) + 1
    heads = {int(order[0]): 0}
    for place, id_ in enumerate(order[1:], 1):
        heads[int(id_)] = int(order[generator.integers(place)])
    return {
        w.id: Word(w.id, w.form, heads[w.id], w.lemma, w.upos, w.xpos, w.feats,
                   w.deprel if heads[w.id] else "root") for w in words
    }  # fmt: skip


def random_tree(text: str, generator: np.random.Generator) -> Tree:
    """Any segmentation of a text, with any trees."""
    sentences, tokens = [], list[Token]()
    at, left = 0, list(text)
    while at < len(text):
        if left[at].isspace():
            at += 1
            continue
        end = at + 1
        while end < len(text) and not text[end].isspace() and generator.random() < 0.75:
            end += 1
        first = 1 + sum(len(token.words) for token in tokens)
        tokens.append(Token(at, end, text[at:end], _words(text[at:end], first, generator)))
        at = end
        if generator.random() < 0.2 or not text[at:].strip():
            words = _headed([word for token in tokens for word in token.words], generator)
            kept = tuple(Token(t.start, t.end, t.text, tuple(words[w.id] for w in t.words)) for t in tokens)
            sentences.append(Sentence(kept[0].start, kept[-1].end, kept))
            tokens = []
    return Tree(tuple(sentences))


def _again(sentence: Sentence, generator: np.random.Generator) -> Sentence:
    words = _headed(sentence.words, generator)
    tokens = (Token(t.start, t.end, t.text, tuple(words[w.id] for w in t.words)) for t in sentence.tokens)
    return Sentence(sentence.start, sentence.end, tuple(tokens))


def _field(folder: Path, name: str, tree: Tree) -> object:
    udeval = pytest.importorskip("udtools.udeval")
    path = folder / name
    writer = formats.find("conllu").write
    assert writer is not None
    writer(path, [Example("d", Text(TEXT), tree)])
    with path.open(encoding="utf-8") as file:
        return udeval.load_conllu(file, str(path), {})


@pytest.mark.parametrize("seed", range(24))
def test_scores_are_those_of_the_shared_task(seed: int, tmp_path: Path) -> None:
    """For one document. Over several, the scorer of the shared task may align words behind the end of one with words of
    the next; ours are the sums over documents."""
    udeval = pytest.importorskip("udtools.udeval")
    target = random_tree(TEXT, np.random.default_rng(100 + seed))
    found = target if seed == 0 else random_tree(TEXT, np.random.default_rng(seed))
    if seed % 3 == 1:  # the same words under other heads
        found = Tree(tuple(_again(sentence, np.random.default_rng(seed)) for sentence in target.sentences))
    expected = udeval.evaluate(_field(tmp_path, "gold", target), _field(tmp_path, "system", found))
    for name, theirs in NAMES.items():
        metric = metrics.find(name)
        statistics = metric.statistics(target, found, [], Text(TEXT))
        assert statistics[:3].tolist() == [
            getattr(expected[theirs], part) for part in ("correct", "gold_total", "system_total")
        ], name
        assert metric.score([statistics], np.ones((1, 1)))[0] == pytest.approx(expected[theirs].f1), name


def test_documents_add_up() -> None:
    metric = metrics.find("las")
    pairs = [(random_tree(TEXT, np.random.default_rng(n)), random_tree(TEXT, np.random.default_rng(9))) for n in (1, 2)]
    found = [metric.statistics(target, prediction, []) for target, prediction in pairs]
    right, gold, system, _ = found[0] + found[1]
    assert metric.score(found, np.ones((1, 2)))[0] == pytest.approx(2 * right / (gold + system))
