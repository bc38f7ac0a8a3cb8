"""Text generation: go on with a text, or answer the messages of a conversation.

A target is the end of its prompt, and the metrics ask how probable the model finds it: the prompt is sent with `echo`,
`logprobs` and no tokens to write, as evaluation harnesses do over completion servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from modelworks.contracts.body import Body
from modelworks.contracts.program import Call, Program
from modelworks.contracts.task import Task
from modelworks.kinds import Completion, Continuation, Example, Kind, Prompt, TokenScore
from modelworks.kinds.prompt import SCORED


def _program(labels: Sequence[str], body: Body) -> Program:
    return Program(
        inputs={"raw": "text", "messages": "messages", "sampling": "sampling"},
        calls=(Call(op="text.limit.v1", inputs=("raw",), outputs=("text",)), *body.calls),
        outputs={
            "text": "written", "finish_reason": "finish_reason", "usage": "usage", "tokens": "tokens",
            "choices": "choices",
        },
        length=body.length,
    )  # fmt: skip


def _classes(labels: Sequence[str]) -> list[str]:
    return []


def _encode(target: Kind, variables: Mapping[str, Any], labels: Sequence[str]) -> dict[str, np.ndarray]:
    """`labels` int64 [T]: each token of the prompt that is part of the target, else -100; `whole`: 1 where the text
    ends there."""
    assert isinstance(target, Continuation)
    begin = variables["prompt"].rfind(target.text)
    ids, units = variables["ids"], variables["units"]
    part = units[:, 1] > max(0, begin)
    return {"labels": np.where(part, ids, -100).astype(np.int64), "whole": np.int64(target.whole)}  # type: ignore[dict-item]


def _render(input: Kind, target: Kind | None, prediction: Kind | None) -> str:
    assert isinstance(input, Prompt)
    said = [f"<p><b>{escape(message.role)}</b> {escape(message.content)}</p>" for message in input.messages]
    shown = "".join(said) or f'<p dir="auto">{escape(input.text)}</p>'
    if isinstance(prediction, Completion):
        text = _scored(prediction.text, prediction.tokens) if prediction.tokens else escape(prediction.text)
        shown += f'<p dir="auto" class="written">{text}</p>'
    if isinstance(target, Continuation) and not (isinstance(prediction, Completion) and prediction.tokens):
        shown += f'<p class="target">target: {escape(target.text)}</p>'
    return f'<div class="example" style="white-space:pre-wrap">{shown}</div>'


def _scored(text: str, tokens: Sequence[TokenScore]) -> str:
    """The text with each token the redder the less probable it was."""
    pieces, end = [], 0
    for token in tokens:
        if token.start < end or token.logprob is None:
            continue
        surprise = min(1.0, -token.logprob / 8)
        pieces.append(escape(text[end : token.start]))
        pieces.append(
            f'<span style="background:rgba(214,69,65,{surprise:.2f})">{escape(text[token.start : token.end])}</span>'
        )
        end = token.end
    return "".join(pieces) + escape(text[end:])


_LINES = (
    "First Citizen:\nBefore we proceed any further, hear me speak.", "All:\nSpeak, speak.",
    "First Citizen:\nYou are all resolved rather to die than to famish?", "All:\nResolved. resolved.",
    "The cat sat on the mat, and the mat lay on the floor.", "Das Wetter ist heute schön.", "1 + 1 = 2, 2 + 2 = 4.",
    "def double(x):\n    return 2 * x", "Grüße 😀 aus Zürich", "今日は良い天気です。", "a, b, c, d, e, f, g.",
    "The end.",
)  # fmt: skip


def _example() -> list[Example]:
    return [
        Example(id=f"line-{number}", input=Prompt(text, sampling=SCORED), target=Continuation(text))
        for number, text in enumerate(_LINES)
    ]


TASK = Task(
    name="text-generation",
    aliases=("generation", "language-modeling", "causal-lm", "chat", "text2text"),
    summary="Go on with a text or answer a conversation, token by token.",
    input="prompt",
    target="continuation",
    prediction="completion",
    formats=("text", "jsonl", "parquet", "huggingface", "csv"),
    metrics=("nats_per_character", "bits_per_byte", "perplexity", "word_perplexity"),
    shape="causal",
    program=_program,
    classes=_classes,
    encode=_encode,
    render=_render,
    example=_example,
    slices=("length",),
    starter="text-generation",
)
