"""A question beside the text that should answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from modelworks.kinds.base import Kind, kind
from modelworks.kinds.edits import Edit, applied
from modelworks.kinds.text import Text
from modelworks.kinds.tokens import repeated


@kind("pair")
class Pair(Kind, frozen=True, omit_defaults=True):
    """A question and its context (SQuAD's words). Offsets of answers count the context's Unicode code points."""

    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "question": ("question", "query"),
        "context": ("context", "passage", "paragraph", "review", "document", "text"),
        "title": ("title",),
    }
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("question", "context"),)
    pipeline: ClassVar[Mapping[str, str]] = {"answers": "question-answering"}
    sample: ClassVar[Mapping[str, Any]] = {
        "question": "Who wrote the first program?",
        "context": "Ada Lovelace wrote the first program, for a machine of Charles Babbage.",
    }

    question: str
    context: str
    title: str = ""

    def check(self) -> None:
        for name, value in (("question", self.question), ("context", self.context)):
            if not value.strip():
                raise ValueError(f"the {name} is empty")

    def size(self) -> int:
        return len(self.context)

    def extents(self) -> dict[str, int]:
        return {"characters": len(self.question) + len(self.context) + len(self.title)}

    def plain(self) -> Kind:
        """Up to composition and white space."""
        return Pair(*(Text(part).plain().as_text() for part in (self.question, self.context)))

    def resized(self, words: int) -> Kind | None:
        """The context is as long as asked; the question is one word."""
        question, context = repeated(self.question, 1), repeated(self.context, words)
        return Pair(question, context) if question and context else None

    def as_text(self) -> str:
        return f"{' '.join(self.question.split())} ← {' '.join(self.context.split())}"

    def prose(self) -> str:
        """The question: an edit of it leaves the answer where it stands."""
        return self.question

    def edited(self, edits: Sequence[Edit]) -> Pair:
        """The question after edits: the context, and so the answer in it, stays as it is."""
        return Pair(applied(self.question, edits), self.context, self.title)
