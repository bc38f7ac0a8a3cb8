"""Adds questions without an answer to a SQuAD file of version 1, as version 2 has them.

python unanswerable.py [IN.json OUT.json] [--share 0.5]      xquad.en.json and questions.json beside it, if left out

For `share` of the questions there is a second one, which asks the same of another paragraph of the same article: the
one that has most words of the question, among those in which no accepted answer stands. So the topic fits and the
answer is not there. (SQuAD 2.0 had people write such questions; these are easier, because the names in the question
mostly do not stand in the paragraph.)
"""

from __future__ import annotations

import argparse
import json
import random
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=Path, nargs="?", default=HERE / "xquad.en.json")
    parser.add_argument("target", type=Path, nargs="?", default=HERE / "questions.json")
    parser.add_argument("--share", type=float, default=0.5)
    given = parser.parse_args()
    file = json.loads(given.source.read_text("utf-8"))
    made = [article(one, given.share, random.Random(0)) for one in file["data"]]
    given.target.write_text(json.dumps({"version": "v2.0", "data": made}, ensure_ascii=False), "utf-8")


def article(given: dict[str, Any], share: float, chance: random.Random) -> dict[str, Any]:
    """The article with its questions, and `share` of them again where they have no answer."""
    paragraphs = given["paragraphs"]
    asked = [[{**question, "is_impossible": False} for question in one["qas"]] for one in paragraphs]
    for place, paragraph in enumerate(paragraphs):
        for question in paragraph["qas"]:
            other = elsewhere(question, place, paragraphs) if chance.random() < share else None
            if other is not None:
                asked[other].append({
                    "id": f"{question['id']}-elsewhere", "question": question["question"], "answers": [],
                    "is_impossible": True,
                })  # fmt: skip
    return {
        "title": given["title"],
        "paragraphs": [
            {"context": one["context"], "qas": questions} for one, questions in zip(paragraphs, asked, strict=True)
        ],
    }


def elsewhere(question: dict[str, Any], place: int, paragraphs: list[dict[str, Any]]) -> int | None:
    """The other paragraph that has most words of the question and none of its answers."""
    answers = [answer["text"].lower() for answer in question["answers"]]
    terms = words(question["question"])
    free = [
        (len(terms & words(one["context"])), -number)
        for number, one in enumerate(paragraphs)
        if number != place and not any(answer in one["context"].lower() for answer in answers)
    ]
    return -max(free)[1] if free else None


def words(text: str) -> set[str]:
    return set(re.findall(r"\w{3,}", text.lower()))


if __name__ == "__main__":
    main()
