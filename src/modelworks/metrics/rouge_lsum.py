"""Longest common subsequences sentence by sentence (Lin 2004): a line of a reference is a sentence, and so is each
chosen sentence of a summary; of one that was written freely, each line."""

from __future__ import annotations

from modelworks.kinds import Kind, Text, Written
from modelworks.metrics._rouge import longest_by_lines, metric


def _lines(prediction: Written, input: Kind | None) -> str:
    if not prediction.sentences or not isinstance(input, Text):
        return prediction.text
    return "\n".join(" ".join(input.text[one.start : one.end].split()) for one in prediction.sentences)


METRIC = metric("rouge_lsum", longest_by_lines, _lines)
