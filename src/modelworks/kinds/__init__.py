"""Typed values that tasks and stages exchange: inputs, targets and predictions.

A *kind* is a frozen msgspec struct; its JSON form is what files and HTTP carry, its JSON Schema is what the server
publishes. `KINDS` is the closed table by name. A kind checks itself (`check`) and knows nothing of any task; formats,
stages, server and command line know nothing of a kind beyond what `Kind` offers (docs/decisions/0006).
"""

from modelworks.kinds.answers import Accepted, Answer, Answers, Reference
from modelworks.kinds.article import Article, Length
from modelworks.kinds.base import KINDS, Judgement, Kind, decode, encode, kind, schema
from modelworks.kinds.edits import Edit
from modelworks.kinds.example import Example
from modelworks.kinds.hits import Document, Embedding, Hit, Hits, Relevant, Sourced, SourcedAnswer
from modelworks.kinds.image import Image
from modelworks.kinds.label_set import LabelScores, LabelSet
from modelworks.kinds.labels import Label, Labels, Scored
from modelworks.kinds.pair import Pair
from modelworks.kinds.prompt import (
    Alternative,
    Choice,
    Completion,
    Continuation,
    Message,
    Prompt,
    Sampling,
    TokenScore,
    Usage,
)  # fmt: skip
from modelworks.kinds.spans import Entities, Entity, Span, Spans
from modelworks.kinds.tags import Tagged, TaggedToken, Tags
from modelworks.kinds.text import Text
from modelworks.kinds.tree import Sentence, Token, Tree, Word
from modelworks.kinds.written import Aligned, Candidate, Chosen, References, Written

__all__ = [
    "KINDS", "Accepted", "Aligned", "Alternative", "Answer", "Answers", "Article", "Candidate", "Choice", "Chosen",
    "Completion", "Continuation", "Document", "Edit", "Embedding", "Entities", "Entity", "Example", "Hit", "Hits",
    "Image", "Judgement", "Kind", "Label", "LabelScores", "LabelSet", "Labels", "Length", "Message", "Pair", "Prompt",
    "Reference", "References", "Relevant", "Sampling", "Scored", "Sentence", "Sourced", "SourcedAnswer", "Span",
    "Spans", "Tagged", "TaggedToken", "Tags", "Text", "Token", "TokenScore", "Tree", "Usage", "Word", "Written",
    "decode", "encode", "kind", "schema",
]  # fmt: skip
