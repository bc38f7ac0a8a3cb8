"""Typed values that tasks and stages exchange: inputs, targets and predictions.

A *kind* is a frozen msgspec struct; its JSON form is what files and HTTP carry, its JSON Schema is what the server
publishes. `KINDS` is the closed table by name. A kind checks itself (`check`) and knows nothing of any task; formats,
stages, server and command line know nothing of a kind beyond what `Kind` offers (docs/decisions/0006).
"""

from modelworks.kinds.base import KINDS, Judgement, Kind, decode, encode, kind, schema
from modelworks.kinds.edits import Edit
from modelworks.kinds.example import Example
from modelworks.kinds.image import Image
from modelworks.kinds.labels import Label, Labels, Scored
from modelworks.kinds.spans import Entities, Entity, Span, Spans
from modelworks.kinds.tags import Tagged, TaggedToken, Tags
from modelworks.kinds.text import Text
from modelworks.kinds.tree import Sentence, Token, Tree, Word

__all__ = [
    "KINDS", "Edit", "Entities", "Entity", "Example", "Image", "Judgement", "Kind", "Label", "Labels", "Scored",
    "Sentence", "Span", "Spans", "Tagged", "TaggedToken", "Tags", "Text", "Token", "Tree", "Word", "decode", "encode",
    "kind", "schema",
]  # fmt: skip
