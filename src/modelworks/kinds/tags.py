"""A tag for each token of a text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import msgspec

from modelworks.kinds.base import Judgement, Kind, kind
from modelworks.kinds.edits import Edit, place
from modelworks.kinds.tokens import Offsets


@kind("tags")
class Tags(Kind, frozen=True):
    """Target: a tag for each token; `tokens` are code points [start, end) of the raw text, in order."""

    fewest_labels: ClassVar[int] = 2
    open_labels: ClassVar[bool] = True
    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "tags": ("tags", "pos_tags", "upos", "pos", "upos_tags", "xpos", "labels"),
    }  # fmt: skip
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("tags",),)
    sample: ClassVar[Mapping[str, Any]] = {"tags": ["NOUN", "VERB"], "tokens": [[0, 4], [5, 10]]}

    tags: tuple[str, ...]
    tokens: Offsets

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], input: Kind | None = None) -> Self:
        """A tag for each of the input's tokens: a list, or one string with blanks between."""
        tags: Any = given.get("tags")
        tokens: Offsets = getattr(input, "tokens", ())
        if isinstance(tags, str):
            tags = tags.split()
        if not isinstance(tags, (list, tuple)):
            raise ValueError("the tags are not a list")
        if len(tags) != len(tokens):
            raise ValueError(f"{len(tokens)} tokens, but {len(tags)} tags")
        return cls(tuple(str(tag) for tag in tags), tokens)

    def check(self) -> None:
        if len(self.tags) != len(self.tokens):
            raise ValueError(f"{len(self.tokens)} tokens, but {len(self.tags)} tags")
        end = 0
        for (start, stop), tag in zip(self.tokens, self.tags, strict=True):
            if not end <= start < stop:
                raise ValueError(f"token [{start}, {stop}) is empty, reversed or out of order")
            if not tag:
                raise ValueError(f"token [{start}, {stop}) has no tag")
            end = stop

    def labels(self) -> Iterable[str]:
        return self.tags

    def size(self) -> int:
        return len(self.tags)

    def fits(self, input: Kind) -> None:
        if self.tokens and self.tokens[-1][1] > input.size():
            start, end = self.tokens[-1]
            raise ValueError(f"token [{start}, {end}) reaches past the end of the text ({input.size()})")

    def stretches(self) -> Offsets:
        return self.tokens

    def as_text(self) -> str:
        return " ".join(self.tags)

    def edited(self, edits: Sequence[Edit]) -> Tags:
        """Tokens of which nothing is left go, with their tags."""
        moved = [(place(*token, edits), tag) for token, tag in zip(self.tokens, self.tags, strict=True)]
        kept = [(token, tag) for token, tag in moved if token[0] < token[1]]
        return Tags(tuple(tag for _, tag in kept), tuple(token for token, _ in kept))


class TaggedToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token, code points [start, end) of the raw text, which `word` repeats; its tag with a score in [0, 1]."""

    word: str
    tag: str
    score: float
    start: int
    end: int


@kind("tagged")
class Tagged(Kind, frozen=True):
    """Prediction: every token of a text with its tag, in order."""

    chances: ClassVar[bool] = True

    tokens: tuple[TaggedToken, ...]

    def labels(self) -> Iterable[str]:
        return (token.tag for token in self.tokens)

    def size(self) -> int:
        return len(self.tokens)

    def as_text(self) -> str:
        return " ".join(f"{token.word}/{token.tag}" for token in self.tokens)

    def rows(self) -> list[tuple[str, float | None]]:
        return [(f"{token.word}\t{token.tag}", token.score) for token in self.tokens]

    def plainly(self) -> Tags:
        """The same as a target: tags and tokens without scores."""
        return Tags(tuple(t.tag for t in self.tokens), tuple((t.start, t.end) for t in self.tokens))

    def judgements(self, target: Kind) -> list[Judgement] | None:
        """One a token of this prediction that the target has too, and one for each that only either has."""
        if not isinstance(target, Tags):
            return None
        truth = dict(zip(target.tokens, target.tags, strict=True))
        found = [_judged(token, truth.pop((token.start, token.end), None)) for token in self.tokens]
        return [*found, *(Judgement(tag, None, None, False) for tag in truth.values())]


def _judged(token: TaggedToken, truth: str | None) -> Judgement:
    return Judgement(truth, token.tag, token.score, truth == token.tag)
