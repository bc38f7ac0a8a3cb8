"""Parsing: from raw text to sentences, tokens, lemmas, tags, features and dependency trees (Universal Dependencies)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelworks.contracts.body import LEAVES, Body
from modelworks.contracts.program import Call, Program
from modelworks.contracts.task import Task
from modelworks.kinds import Example, Kind, Sentence, Text, Token, Tree, Word
from modelworks.kinds.tree import LAYERS
from modelworks.ops.tokens import SEGMENTS, classes_of
from modelworks.ops.tree import groups
from modelworks.tasks._arcs import drawn

_LONGEST = 1_000_000
"""Code points of a document."""


def _classes(labels: Sequence[str]) -> list[str]:
    """Segmentation classes of a code point, then the values of the layers, as `upos=NOUN`."""
    return [*(f"seg={name}" for name in SEGMENTS), *labels]


def _program(labels: Sequence[str], body: Body) -> Program:
    names = groups(_classes(labels))
    return Program(
        inputs={"raw": "text", "given": "tokens"},
        calls=(
            Call(op="text.limit.v1", inputs=("raw",), outputs=("text",), params={"max_characters": _LONGEST}),
            *body.calls,
            Call(
                op="tree.assemble.v1", inputs=("text", *LEAVES["tree"]), outputs=("found",),
                params={"names": {layer: names[layer] for layer in LAYERS}},
            ),
        ),
        outputs={"sentences": "found"},
        length=body.length,
    )  # fmt: skip


def _encode(target: Kind, variables: Mapping[str, Any], labels: Sequence[str]) -> dict[str, np.ndarray]:
    """`labels` int64 [code points]: segmentation classes. Of the words: `words` int32 [W, 2] offsets, `forms` and
    `lemmas` str [W], `heads` int64 [W] (0 the root, else 1..n in the sentence), `upos`, `xpos`, `feats`, `deprel` int64
    [W], -100 for a value that is not among the labels. `sizes` int32 [T] are words a token, `sentences` int32 [S] words
    a sentence."""
    assert isinstance(target, Tree)
    sentences = target.sentences
    tokens = [token for sentence in sentences for token in sentence.tokens]
    words = [word for token in tokens for word in token.words]
    numbers = {layer: {name: n for n, name in enumerate(group)} for layer, group in groups(labels).items()}
    offsets = [place for token in tokens for place in _places(token)]
    return {
        "labels": classes_of(variables["text"], [[_cuts(token) for token in s.tokens] for s in sentences]),
        "words": np.array(offsets, dtype=np.int32).reshape(-1, 2),
        "forms": np.array([word.form for word in words], dtype=np.str_),
        "lemmas": np.array([word.lemma for word in words], dtype=np.str_),
        "heads": np.array([word.head for word in words], dtype=np.int64),
        "sizes": np.array([len(token.words) for token in tokens], dtype=np.int32),
        "sentences": np.array([len(sentence.words) for sentence in sentences], dtype=np.int32),
        **{
            layer: np.array([numbers[layer].get(getattr(word, layer), -100) for word in words], dtype=np.int64)
            for layer in LAYERS
        },
    }


def _in_place(token: Token) -> bool:
    return "".join(word.form for word in token.words) == token.text


def _places(token: Token) -> list[tuple[int, int]]:
    """Offsets of a token's words: of their own letters, or those of the token where they are no pieces of it."""
    if not _in_place(token):
        return [(token.start, token.end)] * len(token.words)
    ends = np.cumsum([len(word.form) for word in token.words]) + token.start
    return list(zip([token.start, *ends[:-1].tolist()], ends.tolist(), strict=True))


def _cuts(token: Token) -> tuple[int, int, list[int] | None]:
    """(start, end, borders of words inside; None where the words are no pieces of the token)."""
    in_place = len(token.words) == 1 or _in_place(token)
    return token.start, token.end, [end for _, end in _places(token)[:-1]] if in_place else None


def _render(input: Kind, target: Kind | None, prediction: Kind | None) -> str:
    assert isinstance(input, Text)
    assert target is None or isinstance(target, Tree)
    assert prediction is None or isinstance(prediction, Tree)
    return drawn(input.text, target, prediction)


_EXAMPLES = (
    "Rain|rain|NOUN|2|nsubj falls|fall|VERB|0|root ~.|.|PUNCT|2|punct",
    "The|the|DET|2|det dog|dog|NOUN|3|nsubj saw|see|VERB|0|root her|she|PRON|3|obj ~.|.|PUNCT|3|punct",
    "I|I|PRON|4|nsubj do+n't|do+not|AUX+PART|4+4|aux+advmod know|know|VERB|0|root ~.|.|PUNCT|4|punct",
    "A|a|DET|2|det hearing|hearing|NOUN|4|nsubj is|be|AUX|4|aux set|set|VERB|0|root on|on|ADP|7|case"
    " the|the|DET|7|det issue|issue|NOUN|2|nmod today|today|NOUN|4|obl ~.|.|PUNCT|4|punct",
    "Zoë|Zoë|PROPN|2|nsubj lacht|lachen|VERB|0|root ~!|!|PUNCT|2|punct",
    "李白|李白|PROPN|2|nsubj ~到|到|VERB|0|root ~了|了|AUX|2|aux",
    "Stop|stop|VERB|0|root",
    "can+not|can+not|AUX+PART|3+3|aux+advmod go|go|VERB|0|root",
    "नेहा|नेहा|PROPN|2|nsubj गाती|गा|VERB|0|root है|है|AUX|2|aux",
    "She|she|PRON|2|nsubj sings|sing|VERB|0|root ~,|,|PUNCT|4|punct dances|dance|VERB|2|conj 😀|😀|SYM|4|discourse",
    "Big|big|ADJ|2|amod cats|cat|NOUN|3|nsubj sleep|sleep|VERB|0|root here|here|ADV|3|advmod",
    "Who|who|PRON|5|obj did|do|AUX|5|aux you|you|PRON|5|nsubj never|never|ADV|5|advmod see|see|VERB|0|root"
    " ~?|?|PUNCT|5|punct",
)
"""Tokens with blanks between (`~`: none before), a token is form|lemma|UPOS|head|deprel; `+` parts the words of a
multiword token."""


def _parse(line: str) -> tuple[str, Sentence]:
    text, tokens, count = "", list[Token](), 0
    for written in line.split(" "):
        text += "" if not text or written.startswith("~") else " "
        columns = [column.split("+") for column in written.removeprefix("~").split("|")]
        words = tuple(
            Word(count + n, form, int(head), lemma, upos, deprel=deprel)
            for n, (form, lemma, upos, head, deprel) in enumerate(zip(*columns, strict=True), 1)
        )
        surface = "".join(columns[0])
        tokens.append(Token(len(text), len(text) + len(surface), surface, words))
        text, count = text + surface, count + len(words)
    return text, Sentence(0, len(text), tuple(tokens))


def _example() -> list[Example]:
    parsed = [_parse(line) for line in _EXAMPLES]
    return [Example(f"document-{n}", Text(text), Tree((sentence,))) for n, (text, sentence) in enumerate(parsed)]


TASK = Task(
    name="parsing",
    aliases=("dependency-parsing", "parser", "tokenization", "universal-dependencies"),
    summary="Split a text into sentences and words, with lemma, tags, features and the tree of each sentence.",
    input="text",
    target="tree",
    prediction="tree",
    formats=("conllu", "jsonl"),
    metrics=(
        "las", "uas", "clas", "mlas", "blex", "upos_f1", "xpos_f1", "ufeats_f1", "lemmas_f1", "tokens_f1", "words_f1",
        "sentences_f1",
    ),
    shape="tree",
    program=_program,
    classes=_classes,
    encode=_encode,
    render=_render,
    example=_example,
    slices=("length",),
    perturbations=("typos", "casing", "ocr-noise"),
    starter="parsing",
)  # fmt: skip
