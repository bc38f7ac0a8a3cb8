"""Sentences of a document with their dependency trees (Universal Dependencies v2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from modelworks.kinds.base import Kind, kind
from modelworks.kinds.edits import Edit, applied, place
from modelworks.kinds.tokens import Offsets

LAYERS = ("upos", "xpos", "feats", "deprel")
"""Columns of a word whose values are classes; `Tree.labels` writes them as `upos=NOUN`."""


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A syntactic word: the columns of CoNLL-U. `_` is an empty column, `head` 0 is the root."""

    id: int
    form: str
    head: int
    lemma: str = "_"
    upos: str = "_"
    xpos: str = "_"
    feats: str = "_"
    deprel: str = "_"
    deps: str = "_"
    misc: str = "_"


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Code points [start, end) of the raw text, which `text` repeats, and the words they stand for: more than one
    in a multiword token (`don't`, French `du`), whose own `misc` stands here."""

    start: int
    end: int
    text: str
    words: tuple[Word, ...]
    misc: str = "_"


class Sentence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A sentence from the start of its first token to the end of its last. `comments` are lines of CoNLL-U without
    the `# `, `empty` its lines of empty nodes (`8.1`), as they stood."""

    start: int
    end: int
    tokens: tuple[Token, ...]
    comments: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()

    @property
    def words(self) -> list[Word]:
        """The words of all tokens, in order."""
        return [word for token in self.tokens for word in token.words]


@kind("tree")
class Tree(Kind, frozen=True):
    """Target and prediction: the sentences of a text, in order, each a tree with one root."""

    fewest_labels: ClassVar[int] = 2
    open_labels: ClassVar[bool] = True
    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {"sentences": ("sentences",)}
    sample: ClassVar[Mapping[str, Any]] = {
        "sentences": [{
            "start": 0, "end": 11,
            "tokens": [
                {"start": 0, "end": 4, "text": "Rain", "words": [
                    {"id": 1, "form": "Rain", "lemma": "rain", "upos": "NOUN", "head": 2, "deprel": "nsubj"}]},
                {"start": 5, "end": 10, "text": "falls", "words": [
                    {"id": 2, "form": "falls", "lemma": "fall", "upos": "VERB", "head": 0, "deprel": "root"}]},
                {"start": 10, "end": 11, "text": ".", "words": [
                    {"id": 3, "form": ".", "lemma": ".", "upos": "PUNCT", "head": 2, "deprel": "punct"}]},
            ],
        }],
    }  # fmt: skip

    sentences: tuple[Sentence, ...]

    def check(self) -> None:
        end = 0
        for number, sentence in enumerate(self.sentences, 1):
            _check_tokens(sentence, end, f"sentence {number}")
            check_tree(sentence.words, f"sentence {number}")
            end = sentence.end

    def labels(self) -> Iterable[str]:
        found = (f"{layer}={getattr(word, layer)}" for s in self.sentences for word in s.words for layer in LAYERS)
        return tuple(dict.fromkeys(found))

    def size(self) -> int:
        return sum(len(token.words) for sentence in self.sentences for token in sentence.tokens)

    def fits(self, input: Kind) -> None:
        text = str(getattr(input, "text", ""))
        for sentence in self.sentences:
            for token in sentence.tokens:
                if text[token.start : token.end] != token.text:
                    seen = text[token.start : token.end]
                    raise ValueError(f"token [{token.start}, {token.end}) is {token.text!r}, the text has {seen!r}")

    def stretches(self) -> Offsets:
        return tuple((token.start, token.end) for sentence in self.sentences for token in sentence.tokens)

    def as_text(self) -> str:
        return " ".join(f"{word.form}/{word.upos}" for sentence in self.sentences for word in sentence.words)

    def rows(self) -> list[tuple[str, float | None]]:
        return [
            ("\t".join((str(w.id), w.form, w.lemma, w.upos, w.xpos, w.feats, str(w.head), w.deprel)), None)
            for sentence in self.sentences
            for w in sentence.words
        ]

    def edited(self, edits: Sequence[Edit]) -> Tree | None:
        """Offsets and forms follow; None when a token would vanish or be cut, because its tree would break."""
        sentences = [_edited(sentence, edits) for sentence in self.sentences]
        return None if any(sentence is None for sentence in sentences) else Tree(tuple(s for s in sentences if s))


def _check_tokens(sentence: Sentence, end: int, where: str) -> None:
    if not sentence.tokens:
        raise ValueError(f"{where} has no tokens")
    for token in sentence.tokens:
        if not end <= token.start < token.end:
            raise ValueError(f"{where}: token [{token.start}, {token.end}) is empty, reversed or out of order")
        if not token.words:
            raise ValueError(f"{where}: token [{token.start}, {token.end}) has no words")
        end = token.end
    if (sentence.start, sentence.end) != (sentence.tokens[0].start, end):
        raise ValueError(f"{where}: [{sentence.start}, {sentence.end}) are not the ends of its tokens")


def check_tree(words: Sequence[Word], where: str) -> None:
    """Raise ValueError unless the ids count from 1 and the heads make a tree with one root."""
    heads = [word.head for word in words]
    for number, word in enumerate(words, 1):
        if word.id != number:
            raise ValueError(f"{where}: word {number} has id {word.id}")
        if not 0 <= word.head <= len(words):
            raise ValueError(f"{where}: word {number} has head {word.head} (allowed: 0 to {len(words)})")
    roots = [number for number, head in enumerate(heads, 1) if head == 0]
    if len(roots) != 1:
        raise ValueError(f"{where}: {len(roots)} roots{'' if not roots else f' (words {roots})'}, not one")
    if cycle := find_cycle(heads):
        raise ValueError(f"{where}: the heads run in a circle through words {cycle}")


def find_cycle(heads: Sequence[int]) -> list[int]:
    """Words (from 1) of a circle among heads (0 for the root), each followed by its head; empty for a tree."""
    state = [0] * (len(heads) + 1)  # 0 unseen, else the number of the walk that saw it
    for start in range(1, len(heads) + 1):
        node = start
        while node and not state[node]:
            state[node] = start
            node = heads[node - 1]
        if node and state[node] == start:
            circle = [node]
            while (node := heads[node - 1]) != circle[0]:
                circle.append(node)
            first = circle.index(min(circle))
            return circle[first:] + circle[:first]
    return []


def _edited(sentence: Sentence, edits: Sequence[Edit]) -> Sentence | None:
    tokens = [_edited_token(token, edits) for token in sentence.tokens]
    kept = tuple(token for token in tokens if token is not None)
    if len(kept) < len(tokens):
        return None
    return Sentence(kept[0].start, kept[-1].end, kept, sentence.comments, sentence.empty)


def _edited_token(token: Token, edits: Sequence[Edit]) -> Token | None:
    touching = [edit for edit in edits if edit.start < token.end and edit.end > token.start]
    if any(edit.start < token.start or edit.end > token.end for edit in touching):
        return None
    inside = [Edit(edit.start - token.start, edit.end - token.start, edit.new) for edit in touching]
    start, end = place(token.start, token.end, edits)
    text = applied(token.text, inside)
    if not text or len(text) != end - start:
        return None
    words = token.words
    if len(words) == 1 and words[0].form == token.text:
        words = (msgspec.structs.replace(words[0], form=text),)
    return Token(start, end, text, words, token.misc)
