"""Documents of a collection: as input of an index, as what is relevant to a query, and as what a search found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import msgspec

from modelworks.kinds.base import Judgement, Kind, kind
from modelworks.kinds.edits import Edit


@kind("document")
class Document(Kind, frozen=True, omit_defaults=True):
    """A text that can be found."""

    media: ClassVar[tuple[str, ...]] = ("text/plain", "text/markdown")
    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "text": ("text", "contents", "content", "body", "context", "passage", "document", "review"),
        "title": ("title", "headline", "name"),
    }
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("text",),)
    sample: ClassVar[Mapping[str, Any]] = {"title": "Ada Lovelace", "text": "She wrote the first program."}

    text: str
    title: str = ""

    @classmethod
    def raw(cls, data: bytes) -> Self:
        return cls(data.decode("utf-8"))

    def size(self) -> int:
        return len(self.text)

    def extents(self) -> dict[str, int]:
        return {"characters": len(self.text) + len(self.title)}

    def as_text(self) -> str:
        return " ".join(f"{self.title} {self.text}".split())


@kind("relevant")
class Relevant(Kind, frozen=True):
    """Target: ids of documents with their grades; above 0 is relevant, more is better (TREC's qrels)."""

    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {"documents": ("documents", "relevant", "qrels", "positive")}
    sample: ClassVar[Mapping[str, Any]] = {"documents": {"lovelace": 1}}

    documents: dict[str, int]

    def size(self) -> int:
        return sum(grade > 0 for grade in self.documents.values())

    def as_text(self) -> str:
        return ", ".join(name for name, grade in self.documents.items() if grade > 0) or "(nothing)"

    def edited(self, edits: Sequence[Edit]) -> Relevant:
        """As it is: the same documents answer the changed query."""
        return self


class Hit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A found document with its best passage: code points [start, start + len(text)) of it."""

    id: str
    score: float
    """In [0, 1]; comparable within one collection."""
    title: str
    text: str
    start: int

    def as_line(self) -> str:
        """Its name and how it begins, for a terminal."""
        name = f"{self.id} ({self.title})" if self.title else self.id
        text = " ".join(self.text.split())
        return f"{name}: {text[:80]}…" if len(text) > 80 else f"{name}: {text}"


@kind("hits")
class Hits(Kind, frozen=True):
    """Prediction: documents that may answer, best first; none when nothing was found."""

    hits: tuple[Hit, ...]

    def size(self) -> int:
        return len(self.hits)

    def as_text(self) -> str:
        return ", ".join(hit.id for hit in self.hits) or "(nothing found)"

    def rows(self) -> list[tuple[str, float | None]]:
        return [(hit.as_line(), hit.score) for hit in self.hits[:5]] or [("(nothing found)", None)]

    def judgements(self, target: Kind) -> list[Judgement] | None:
        return None


class SourcedAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Code points [start, end) of the document `source`, which `answer` repeats, with a probability."""

    answer: str
    score: float
    source: str
    start: int
    end: int


@kind("sourced")
class Sourced(Kind, frozen=True):
    """Prediction: answers from a collection, each with the document it stands in, and all documents that were read.

    `answer` repeats the best, `source` its document's id; both are empty when nothing was found."""

    answer: str
    score: float
    source: str
    answers: tuple[SourcedAnswer, ...]
    hits: tuple[Hit, ...]

    def as_text(self) -> str:
        return f"{self.answer} [{self.source}]" if self.answer else "(nothing found)"

    def rows(self) -> list[tuple[str, float | None]]:
        found: list[tuple[str, float | None]] = [
            (f"{' '.join(one.answer.split())} [{one.source}]", one.score) for one in self.answers[:3] if one.answer
        ]
        sources: list[tuple[str, float | None]] = [(f"source {hit.as_line()}", hit.score) for hit in self.hits[:3]]
        return [*(found or [("(nothing found)", None)]), *sources]


@kind("embedding")
class Embedding(Kind, frozen=True):
    """Prediction: where a text lies in a space of meanings, a vector of length 1."""

    embedding: tuple[float, ...]

    def size(self) -> int:
        return len(self.embedding)

    def as_text(self) -> str:
        return f"{len(self.embedding)} numbers: {', '.join(f'{x:.3f}' for x in self.embedding[:6])}, …"
