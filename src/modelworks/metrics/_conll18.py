"""The scores of the CoNLL 2018 shared task (Zeman et al. 2018): F1 over aligned tokens, words and relations.

Words of target and prediction are aligned by the code points they cover; within multiword tokens of either side by a
longest common subsequence of their forms. Relations count without subtypes, features only where universal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from modelworks.contracts.metric import Metric, additive
from modelworks.kinds import Kind, Tree, Word
from modelworks.metrics._spans import defined, f1

CONTENT = frozenset((
    "nsubj", "obj", "iobj", "csubj", "ccomp", "xcomp", "obl", "vocative", "expl", "dislocated", "advcl", "advmod",
    "discourse", "nmod", "appos", "nummod", "acl", "amod", "conj", "fixed", "flat", "compound", "list", "parataxis",
    "orphan", "goeswith", "reparandum", "root", "dep",
))  # fmt: skip
FUNCTIONAL = frozenset(("aux", "cop", "mark", "det", "clf", "case", "cc"))
UNIVERSAL = frozenset((
    "PronType", "NumType", "Poss", "Reflex", "Foreign", "Abbr", "Gender", "Animacy", "Number", "Case", "Definite",
    "Degree", "VerbForm", "Mood", "Tense", "Aspect", "Voice", "Evident", "Polarity", "Person", "Polite",
))  # fmt: skip


@dataclass(eq=False, slots=True)
class Node:
    """A word of one side; equal only to itself."""

    start: int
    end: int
    multiword: bool
    form: str
    lemma: str
    upos: str
    xpos: str
    feats: str
    relation: str
    parent: Node | None = None
    functional: list[Node] = field(default_factory=list)


Match = dict[Node, Node]
"""Node of the prediction -> the node of the target it is aligned to."""
Key = Callable[[Node, Callable[[Node | None], Any]], Any]
"""What must agree of two aligned nodes; the function gives the target's node for a node, as itself."""


def _node(word: Word, start: int, end: int, multiword: bool) -> Node:
    feats = sorted(feat for feat in word.feats.split("|") if feat.partition("=")[0] in UNIVERSAL)
    form = "".join(word.form.split()).lower()
    return Node(start, end, multiword, form, word.lemma, word.upos, word.xpos, "|".join(feats),
                word.deprel.partition(":")[0])  # fmt: skip


def nodes(tree: Tree) -> list[Node]:
    """The words of all sentences, with parents and functional children."""
    found: list[Node] = []
    for sentence in tree.sentences:
        own = [
            _node(word, token.start, token.end, len(token.words) > 1)
            for token in sentence.tokens
            for word in token.words
        ]
        for node, word in zip(own, sentence.words, strict=True):
            node.parent = own[word.head - 1] if word.head else None
        for node in own:
            if node.parent is not None and node.relation in FUNCTIONAL:
                node.parent.functional.append(node)
        found += own
    return found


def align(gold: Sequence[Node], system: Sequence[Node]) -> Match:
    """The words of both sides that are the same."""
    match: Match = {}
    g = s = 0
    while g < len(gold) and s < len(system):
        if gold[g].multiword or system[s].multiword:
            first_g, first_s, g, s = _region(gold, system, g, s)
            match.update(_common(gold[first_g:g], system[first_s:s]))
        elif (gold[g].start, gold[g].end) == (system[s].start, system[s].end):
            match[system[s]] = gold[g]
            g, s = g + 1, s + 1
        elif gold[g].start <= system[s].start:
            g += 1
        else:
            s += 1
    return match


def _region(gold: Sequence[Node], system: Sequence[Node], g: int, s: int) -> tuple[int, int, int, int]:
    """The smallest stretch of both sides that holds whole multiword tokens: first words, and the words behind it."""
    if gold[g].multiword:
        end = gold[g].end
        s += not system[s].multiword and system[s].start < gold[g].start
    else:
        end = system[s].end
        g += gold[g].start < system[s].start
    first_g, first_s = g, s
    while not _beyond(gold, g, end) or not _beyond(system, s, end):
        if g < len(gold) and (s >= len(system) or gold[g].start <= system[s].start):
            end = max(end, gold[g].end) if gold[g].multiword else end
            g += 1
        else:
            end = max(end, system[s].end) if system[s].multiword else end
            s += 1
    return first_g, first_s, g, s


def _beyond(words: Sequence[Node], at: int, end: int) -> bool:
    if at >= len(words):
        return True
    return words[at].start >= end if words[at].multiword else words[at].end > end


def _common(gold: Sequence[Node], system: Sequence[Node]) -> Iterator[tuple[Node, Node]]:
    """Longest common subsequence of the forms."""
    longest = np.zeros((len(gold) + 1, len(system) + 1), dtype=np.int64)
    for g in reversed(range(len(gold))):
        for s in reversed(range(len(system))):
            both = longest[g + 1, s + 1] + 1 if gold[g].form == system[s].form else 0
            longest[g, s] = max(both, longest[g + 1, s], longest[g, s + 1])
    g = s = 0
    while g < len(gold) and s < len(system):
        if gold[g].form == system[s].form:
            yield system[s], gold[g]
            g, s = g + 1, s + 1
        elif longest[g, s] == longest[g + 1, s]:
            g += 1
        else:
            s += 1


def _head(node: Node, ga: Callable[[Node | None], Any]) -> Any:
    return ga(node.parent)


def _labelled(node: Node, ga: Callable[[Node | None], Any]) -> Any:
    return ga(node.parent), node.relation


def _lemma(node: Node, ga: Callable[[Node | None], Any]) -> str:
    """The lemma; any lemma is right where the target has none."""
    return node.lemma if ga(node).lemma != "_" else "_"


def _morphological(node: Node, ga: Callable[[Node | None], Any]) -> Any:
    children = [(ga(child), child.relation, child.upos, child.feats) for child in node.functional]
    return ga(node.parent), node.relation, node.upos, node.feats, children


def _bilexical(node: Node, ga: Callable[[Node | None], Any]) -> Any:
    return ga(node.parent), node.relation, _lemma(node, ga)


KEYS: Mapping[str, tuple[Key | None, bool]] = {
    "words": (None, False),
    "upos": (lambda node, _: node.upos, False),
    "xpos": (lambda node, _: node.xpos, False),
    "ufeats": (lambda node, _: node.feats, False),
    "lemmas": (_lemma, False),
    "uas": (_head, False),
    "las": (_labelled, False),
    "clas": (_labelled, True),
    "mlas": (_morphological, True),
    "blex": (_bilexical, True),
}
"""Score -> (what must agree of aligned words, do only content words count?)."""


def scored(gold: Sequence[Node], system: Sequence[Node], match: Match, key: Key | None, content: bool) -> list[float]:
    """[right, words of the target, words of the prediction]."""
    if content:
        gold = [node for node in gold if node.relation in CONTENT]
        system = [node for node in system if node.relation in CONTENT]
    pairs = [pair for pair in match.items() if not content or pair[1].relation in CONTENT]
    if key is None:
        return [len(pairs), len(gold), len(system)]

    def itself(node: Node | None) -> Node | None:
        return node

    def aligned(node: Node | None) -> Any:
        return None if node is None else match.get(node, "not aligned")

    right = sum(key(theirs, aligned) == key(ours, itself) for theirs, ours in pairs)
    return [right, len(gold), len(system)]


def spans(tree: Tree, part: str) -> list[tuple[int, int]]:
    """Offsets of its tokens or sentences."""
    if part == "sentences":
        return [(sentence.start, sentence.end) for sentence in tree.sentences]
    return [(token.start, token.end) for sentence in tree.sentences for token in sentence.tokens]


_Aligned = tuple[Tree, Tree, tuple[list[Node], list[Node], Match]]
_last: list[_Aligned] = []
"""The documents aligned last: ten scores ask for the same alignment one after the other."""


def _alignment(target: Tree, prediction: Tree) -> tuple[list[Node], list[Node], Match]:
    for known, found, made in list(_last):
        if known is target and found is prediction:
            return made
    gold, system = nodes(target), nodes(prediction)
    made = (gold, system, align(gold, system))
    _last[:] = [(target, prediction, made)]
    return made


def _statistics(
    target: Kind, prediction: Kind, labels: Sequence[str], input: Kind | None = None, *, part: str
) -> np.ndarray:
    if not isinstance(target, Tree) or not isinstance(prediction, Tree):
        wrong = prediction if isinstance(target, Tree) else target
        raise TypeError(f"trees are needed as target and prediction, not {type(wrong).__name__}")
    if part in ("tokens", "sentences"):
        right, found = spans(target, part), spans(prediction, part)
        return np.array([len({*right} & {*found}), len(right), len(found), 1], dtype=np.float64)
    gold, system, match = _alignment(target, prediction)
    return np.array([*scored(gold, system, match, *KEYS[part]), 1], dtype=np.float64)


def metric(name: str, part: str) -> Metric:
    """The metric of one score; additive over documents."""
    return Metric(
        name=name,
        signature=f"{name}|rules:CoNLL-2018|v1",
        higher_is_better=True,
        statistics=partial(_statistics, part=part),
        score=additive(lambda sums: defined(f1(sums[:, 0], sums[:, 1], sums[:, 2]), sums[:, 3])),
    )
