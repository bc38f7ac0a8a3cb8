"""Texts that a causal network writes."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from modelworks.contracts.decoder import Cache, Decoder
from modelworks.contracts.op import Tools, op
from modelworks.core.errors import RequestError
from modelworks.kinds import Choice, Message, Sampling, Usage
from modelworks.ops._writing import Writing

_Pieces = Generator[tuple[int, Any], None, tuple[list[Any], ...]]
_LONGEST = 64 * 1024
"""Characters of a chat template."""


@op("sampling.prompt.v1", rowwise=True)
def prompt(
    tools: Tools, texts: Sequence[str], messages: Sequence[Sequence[Message]], *, template: str | None = None
) -> list[str]:
    """The text to go on with: as it is, or the messages as the checkpoint's chat template writes them.

    Resource `template` is a JSON object: `template` in Jinja (run in its sandbox), and the strings it may use
    (`bos_token`, `eos_token`). A last message of the assistant is written as it is, else the template opens one."""
    known = tools.resource(template) if template is not None else None
    return [_rendered(said, known) if said else text for text, said in zip(texts, messages, strict=True)]


def _rendered(messages: Sequence[Message], known: Mapping[str, str] | None) -> str:
    if known is None:
        raise RequestError(
            "this model has no chat template", where="messages", status=422, seen=f"{len(messages)} messages",
            allowed="text", hint="fine-tune a chat checkpoint, or write the conversation as one text",
        )  # fmt: skip
    said = [msgspec.to_builtins(message) for message in messages]
    try:
        names = {name: value for name, value in known.items() if name != "template"}
        opened = messages[-1].role != "assistant"
        written: str = _template(known["template"]).render(messages=said, add_generation_prompt=opened, **names)
    except Exception as error:  # a template raises what it likes
        raise RequestError(
            f"the chat template refuses the messages: {error}", where="messages", status=422,
            seen=[message.role for message in messages],
        ) from error  # fmt: skip
    return written if opened else written[: written.rindex(messages[-1].content.strip()) + len(messages[-1].content)]


@lru_cache(maxsize=8)
def _template(source: str) -> Any:
    from jinja2.exceptions import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    if len(source) > _LONGEST:
        raise ValueError(f"the chat template has {len(source)} characters, allowed are {_LONGEST}")
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = refuse
    return environment.from_string(source)


@op("sampling.generate.v1", streams=True)
def generate(
    tools: Tools, prompts: Sequence[str], ids: Sequence[np.ndarray], units: Sequence[np.ndarray],
    samplings: Sequence[Sampling], *, graph: str = "model", tokenizer: str = "tokenizer",
    cache: Mapping[str, Any] | None = None, first: Sequence[int] = (), ends: Sequence[int] = (),
) -> _Pieces:  # fmt: skip
    """Go on with texts, token by token, all rows in one step where the engine can.

    `ids` int64 [T] and `units` int32 [T, 2] are each prompt's tokens and their code points; `first` begins every
    sequence, `ends` end a text, `cache` describes a graph with past keys and values (contracts.decoder.Cache).

    Yields (row, {index, text, tokens}): new text of one of the row's choices, with its tokens where log-probabilities
    are asked for. Returns texts, finish reasons, usage, tokens and choices, each a list with one item a row."""
    decoder = tools.decoder(graph, msgspec.convert(cache, Cache) if cache is not None else None)
    known = tools.resource(tokenizer)
    rows = [
        [
            Writing(text, row, places, sampling, number, tokenizer=known, first=first, ends=ends)
            for number in range(sampling.n)
        ]
        for text, row, places, sampling in zip(prompts, ids, units, samplings, strict=True)
    ]
    for number, row in enumerate(ids):
        if not len(row) and not first:
            raise RequestError("the prompt is empty", where=f"input {number}", status=422, allowed="some text")
    yield from _write(decoder, [(number, one) for number, row in enumerate(rows) for one in row])
    return _columns(rows, [len(row) for row in ids])


def _write(decoder: Decoder, waiting: Sequence[tuple[int, Writing]]) -> Iterator[tuple[int, Any]]:
    """Write all texts. As many at once as the decoder holds sequences; one that ends makes room for the next."""
    queue, active = deque(waiting), list[tuple[int, Writing]]()
    try:
        while queue or active:
            while queue and (handle := decoder.open(wait=not active)) is not None:
                row, writing = queue.popleft()
                writing.handle = handle
                active.append((row, writing))
                yield from _begun(decoder, row, writing)
            running = [one for one in active if not one[1].over]
            for _, writing in running:
                writing.make_room(decoder)
            feeds = [(writing.handle, writing.next) for _, writing in running]
            for (row, writing), logits in zip(running, decoder.step(feeds) if feeds else (), strict=True):
                piece = writing.take(logits)
                if piece is not None:
                    yield row, piece
            for _, writing in active:
                if writing.over:
                    decoder.close(writing.handle)
            active = [one for one in active if not one[1].over]
    finally:
        for _, writing in active:
            decoder.close(writing.handle)


def _begun(decoder: Decoder, row: int, writing: Writing) -> Iterator[tuple[int, Any]]:
    logits = writing.begin(decoder)
    echoed = writing.echoed()
    if echoed is not None:
        yield row, echoed
    if logits is not None and not writing.over:
        piece = writing.take(logits)
        if piece is not None:
            yield row, piece


def _columns(rows: Sequence[Sequence[Writing]], lengths: Sequence[int]) -> tuple[list[Any], ...]:
    columns: tuple[list[Any], ...] = ([], [], [], [], [])
    for row, length in zip(rows, lengths, strict=True):
        choices = [writing.choice() for writing in row]
        best: Choice = choices[0]
        usage = Usage(length, sum(writing.written for writing in row))
        kept = choices if len(choices) > 1 else []
        values = (best.text, best.finish_reason, usage, list(best.tokens), kept)
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return columns
