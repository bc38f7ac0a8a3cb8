"""A bundle that writes words without any graph, slowly, and a server of it in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import planted_ops

from modelworks.bundle import Draft, write
from modelworks.contracts import op as ops
from modelworks.contracts.program import Call, Program
from modelworks.core import config
from modelworks.serve.models import Source
from modelworks.serve.server import Server

LOG: list[str] = []
"""What the operation did: a line a word, and how each text ended."""
STEP = 0.01
SPEAK = threading.Event()
"""Until it is set, a prompt `silent` gets no word, and `stuck` none after its first."""


def words(tools, texts, conversations, samplings):
    """Writes `w0 w1 …` of as many words as the prompt has characters, at most max_tokens."""
    written = [[] for _ in texts]
    ends = [""] * len(texts)
    try:
        for row, (text, messages, sampling) in enumerate(zip(texts, conversations, samplings, strict=True)):
            said = text or " ".join(message.content for message in messages)
            if said == "break":
                raise RuntimeError("broken")
            if said == "silent":
                SPEAK.wait(30)
            ends[row] = "stop" if len(said) <= sampling.max_tokens else "length"
            for number in range(min(len(said), sampling.max_tokens)):
                time.sleep(STEP)
                word = f"w{number} "
                LOG.append(word)
                if said == "stuck" and number == 1:
                    SPEAK.wait(30)
                written[row].append(word)
                token = {"text": word, "start": 3 * number, "end": 3 * number + 3, "logprob": -0.5}
                yield row, {"index": 0, "text": word, **({"tokens": [token]} if sampling.logprobs is not None else {})}
        LOG.append("whole")
        usages = [
            {"prompt_tokens": len(t.split()), "completion_tokens": len(w)} for t, w in zip(texts, written, strict=True)
        ]
        return ["".join(one) for one in written], ends, usages
    finally:
        LOG.append("closed")


def vectors(tools, texts):
    """Three numbers that tell the text's length."""
    return [[float(len(text)), 0.25, -1.0] for text in texts]


@contextlib.contextmanager
def vocabulary() -> Iterator[None]:
    """The operations are known for the block."""
    with planted_ops.own():
        ops.op("odd.write.v1", streams=True)(words)
        ops.op("odd.vector.v1")(vectors)
        LOG.clear()
        yield


def make_writer(folder: Path) -> Path:
    """A bundle from prompts to completions; needs `vocabulary`."""
    folder.mkdir(parents=True)
    names = ("text", "messages", "sampling")
    program = Program(
        inputs={name: name for name in names},
        calls=(Call(op="odd.write.v1", inputs=names, outputs=("written", "reason", "usage")),),
        outputs={"text": "written", "finish_reason": "reason", "usage": "usage"},
    )
    write(
        folder,
        Draft(
            name="writer", task="text-generation", input="prompt", target="continuation", prediction="completion",
            labels=(), program=program, graphs=(),
        ),
    )  # fmt: skip
    return folder


def make_embedder(folder: Path) -> Path:
    """A bundle from texts to vectors; needs `vocabulary`."""
    folder.mkdir(parents=True)
    program = Program(
        inputs={"text": "text"}, calls=(Call(op="odd.vector.v1", inputs=("text",), outputs=("vector",)),),
        outputs={"embedding": "vector"},
    )  # fmt: skip
    write(
        folder,
        Draft(
            name="embedder", task="embedding", input="text", target="embedding", prediction="embedding", labels=(),
            program=program, graphs=(),
        ),
    )  # fmt: skip
    return folder


class Quiet(Server):
    """A server in a thread, which gets no signals."""

    def _signals(self, loop: asyncio.AbstractEventLoop) -> None: ...


@contextlib.contextmanager
def served(bundle: Path, **settings: object) -> Iterator[tuple[str, Server]]:
    """(address, server) of a server of a bundle."""
    server = Quiet(Source(bundle), config.Serve(port=0, records=False, **settings))
    ready = threading.Event()
    address: list[str] = []
    loops: list[asyncio.AbstractEventLoop] = []

    def started(where: str, _served: object) -> None:
        address.append(where)
        ready.set()

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        await server.run(started)

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield address[0], server
    finally:
        loops[0].call_soon_threadsafe(server.stop)
        thread.join(20)
