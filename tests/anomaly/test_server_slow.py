"""Slow and silent clients over real sockets, with short limits."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from tiny_bundles import make_text_bundle

from modelworks.core import config
from modelworks.serve.incoming import Limits
from modelworks.serve.models import Source
from modelworks.serve.server import Server

LIMITS = Limits(head_seconds=0.3, body_seconds=0.3, idle_seconds=0.5, write_seconds=0.5, linger_seconds=0.3)
BODY = b'{"text": "good"}'
GOOD = b"POST /predict HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return make_text_bundle(tmp_path_factory.mktemp("bundles") / "text")


def against(bundle: Path, talk: Callable[[int, Server], Awaitable[None]]) -> None:
    async def go() -> None:
        server = Server(Source(bundle), config.Serve(port=0), limits=LIMITS)
        port = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(server.run(lambda url, served: port.set_result(int(url.rsplit(":", 1)[1]))))
        await talk(await port, server)
        server.stop()
        await running
        assert not server.host.connections

    asyncio.run(go())


@pytest.mark.parametrize("start", [b"POST /pre", b"POST /predict HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"])
def test_who_dribbles_gets_408_while_others_are_answered(bundle, start):
    async def talk(port: int, server: Server) -> None:
        slow_reader, slow = await asyncio.open_connection("127.0.0.1", port)
        reader, quick = await asyncio.open_connection("127.0.0.1", port)
        slow.write(start)
        quick.write(GOOD)
        assert (await reader.read(100)).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        answer = await slow_reader.read()  # to the end: the server closes
        assert answer.startswith(b"HTTP/1.1 408")
        assert b'"message"' in answer
        assert time.monotonic() - began < 3
        for writer in (slow, quick):
            writer.close()

    against(bundle, talk)


def test_who_says_nothing_is_closed(bundle):
    async def talk(port: int, server: Server) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.read(), 3) == b""
        writer.close()

    against(bundle, talk)


def test_who_never_reads_is_cut_off_and_holds_no_memory(bundle):
    async def talk(port: int, server: Server) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.transport.pause_reading()
        asked = b"GET /docs HTTP/1.1\r\n\r\n" * 3000
        writer.write(asked)
        for _ in range(60):
            await asyncio.sleep(0.1)
            if not server.host.connections:
                break
        assert not server.host.connections
        writer.close()

    against(bundle, talk)
