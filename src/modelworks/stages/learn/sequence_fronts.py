"""Front ends of pretrained text classifiers: subwords, and beside them n-grams where they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelworks.contracts.body import Body
from modelworks.contracts.family import Front
from modelworks.contracts.program import Call
from modelworks.stages.learn import base, pretrained


def encoder_front(facts: Mapping[str, Any], most: int, bags: Front | None) -> Front:
    """Texts as at most `most` subwords; `bags` is the front end of an n-gram classifier that runs beside."""
    tokenize = {"max_length": min(most, facts["positions"])}
    before = [
        Call(op="text.tokenize.v1", inputs=("text",), outputs=("ids",), params=tokenize, resources=("tokenizer",))
    ]
    after = [
        Call(
            op="batch.pad.v1", inputs=("ids",), outputs=("input_ids", "attention_mask"),
            params={"value": facts["pad"], "multiple": base.MULTIPLE},
        )
    ]  # fmt: skip
    feeds = ["input_ids", "attention_mask"]  # in the order of `pretrained.export`
    if bags is not None:
        (grams,), (padding, _) = bags.body.before, bags.body.after
        before.append(Call(
            op=grams.op, inputs=grams.inputs, outputs=("ngram_ids",), params=grams.params, resources=grams.resources
        ))  # fmt: skip
        after.append(Call(
            op=padding.op, inputs=("ngram_ids",), outputs=("ngrams", "ngram_mask"), params=padding.params
        ))  # fmt: skip
        feeds.insert(1, "ngrams")
    body = Body(
        shape="sequence", before=tuple(before), length="ids",
        after=(*after, Call(graph="model", inputs=tuple(feeds), outputs=("logits",))),
    )  # fmt: skip
    return Front(body=body, resources=(pretrained.TOKENIZER, *(bags.resources if bags else ())))
