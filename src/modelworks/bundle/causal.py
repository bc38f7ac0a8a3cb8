"""The body of every program whose graph is a decoder: text in, text out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelworks.contracts.body import Body
from modelworks.contracts.family import Resource
from modelworks.contracts.program import Call

TOKENIZER = Resource(name="tokenizer", file="resources/tokenizer.json", type="tokenizer")
TEMPLATE = Resource(name="template", file="resources/template.json", type="json")


def body(params: Mapping[str, Any], *, template: bool) -> Body:
    """Messages written by the chat template, where there is one; tokens; then what the decoder of graph `model` goes
    on with. `params` are those of `sampling.generate.v1`."""
    chat: dict[str, Any] = {}
    if template:
        chat = {"params": {"template": TEMPLATE.name}, "resources": (TEMPLATE.name,)}
    return Body(
        shape="causal",
        before=(
            Call(op="sampling.prompt.v1", inputs=("text", "messages"), outputs=("rendered",), **chat),
            Call(op="text.limit.v1", inputs=("rendered",), outputs=("prompt",)),
            Call(op="text.subwords.v1", inputs=("prompt",), outputs=("ids", "units"), resources=(TOKENIZER.name,)),
        ),
        after=(
            Call(
                op="sampling.generate.v1", inputs=("prompt", "ids", "units", "sampling"),
                outputs=("written", "finish_reason", "usage", "tokens", "choices"), graphs=("model",),
                resources=(TOKENIZER.name,), params=dict(params),
            ),
        ),
        length="ids",
    )  # fmt: skip
