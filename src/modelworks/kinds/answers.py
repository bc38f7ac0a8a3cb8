"""Answers to a question: the accepted ones as target, the found ones as prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import msgspec

from modelworks.kinds.base import Judgement, Kind, kind
from modelworks.kinds.edits import Edit
from modelworks.kinds.pair import Pair

NOTHING = "(no answer)"


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stretch of the context that answers, in SQuAD's words: it begins at code point `answer_start`."""

    text: str
    answer_start: int


@kind("accepted")
class Accepted(Kind, frozen=True):
    """Target: every answer that is accepted; none for a question that the context does not answer."""

    columns: ClassVar[Mapping[str, tuple[str, ...]]] = {"answers": ("answers", "answer")}
    needs: ClassVar[tuple[tuple[str, ...], ...]] = (("answers",),)
    sample: ClassVar[Mapping[str, Any]] = {"answers": [{"text": "Ada Lovelace", "answer_start": 0}]}

    answers: tuple[Reference, ...]

    @classmethod
    def from_fields(cls, given: Mapping[str, Any], input: Kind | None = None) -> Self:
        """From a list of {text, answer_start}, or as Hugging Face's tables hold it: {text: […], answer_start: […]}."""
        answers = given.get("answers")
        if isinstance(answers, str):
            answers = msgspec.json.decode(answers)
        if isinstance(answers, Mapping) and isinstance(answers.get("text"), list | tuple):
            texts, starts = answers["text"], answers.get("answer_start", ())
            if len(texts) != len(starts):
                raise ValueError(f"{len(texts)} answers have {len(starts)} starts")
            answers = [{"text": text, "answer_start": start} for text, start in zip(texts, starts, strict=True)]
        return msgspec.convert({"answers": answers or []}, cls, strict=False)

    def check(self) -> None:
        for answer in self.answers:
            if not answer.text.strip():
                raise ValueError("an answer is empty; for a question without an answer leave the list empty")
            if answer.answer_start < 0:
                raise ValueError(f"an answer begins before the context, at {answer.answer_start}")

    def size(self) -> int:
        return len(self.answers)

    def fits(self, input: Kind) -> None:
        if not isinstance(input, Pair):
            return
        for answer in self.answers:
            end = answer.answer_start + len(answer.text)
            seen = input.context[answer.answer_start : end]
            if seen != answer.text:
                raise ValueError(_misplaced(answer, seen, input.context))

    def as_text(self) -> str:
        return " | ".join(dict.fromkeys(answer.text for answer in self.answers)) or NOTHING

    def edited(self, edits: Sequence[Edit]) -> Accepted:
        """As it is: edits change the question."""
        return self


def _misplaced(answer: Reference, seen: str, context: str) -> str:
    starts: list[int] = []
    at = context.find(answer.text)
    while at >= 0 and len(starts) < 3:
        starts.append(at)
        at = context.find(answer.text, at + 1)
    where = f"it stands at {', '.join(map(str, starts))}" if starts else "it is nowhere in the context"
    return f"the answer {answer.text!r} does not stand at {answer.answer_start}, where {seen!r} does; {where}"


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Code points [start, end) of the context, which `answer` repeats; all empty for "no answer". `score` is a
    probability."""

    answer: str
    score: float
    start: int
    end: int


@kind("answers")
class Answers(Kind, frozen=True):
    """Prediction: the best answer, and all candidates best first. "No answer" is the candidate without a text: it is
    always among them, so its score is always known."""

    chances: ClassVar[bool] = True

    answer: str
    score: float
    start: int
    end: int
    answers: tuple[Answer, ...]

    def as_text(self) -> str:
        return self.answer or NOTHING

    def rows(self) -> list[tuple[str, float | None]]:
        return [(" ".join(one.answer.split()) or NOTHING, one.score) for one in self.answers[:3]]

    def judgements(self, target: Kind) -> list[Judgement] | None:
        """Whether there is an answer, and whether it is one of the accepted ones, letter for letter."""
        if not isinstance(target, Accepted):
            return None
        right = self.answer in {one.text for one in target.answers} if target.answers else not self.answer
        names = [("answer" if there else "no answer") for there in (bool(target.answers), bool(self.answer))]
        return [Judgement(names[0], names[1], self.score, right)]
