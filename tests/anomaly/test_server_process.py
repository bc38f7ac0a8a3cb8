"""The real server process under bad clients, load and signals."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import record_files

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from tiny_bundles import make_image_bundle, make_text_bundle

RUN = "from modelworks.cli.main import main; main()"


class Process:
    """A server in a process of its own."""

    def __init__(self, bundle: Path, folder: Path, project: str = "") -> None:
        if project:
            (folder / "modelworks.yaml").write_text(
                f"name: t\ntask: sentiment-analysis\ndata: {{}}\nserve: {project}\n"
            )
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, "serve", str(bundle), "--port", "0", "--json"],
            stdout=subprocess.PIPE, cwd=folder, text=True,
        )  # fmt: skip
        said = self.process.stdout.readline()
        self.ready_seconds = time.monotonic() - self.began
        self.port = int(re.search(r":(\d+)", json.loads(said)["url"])[1])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, data: bytes) -> bytes:
        """All that the server sends back until it closes."""
        with self.connect() as client:
            client.sendall(data)
            return b"".join(iter(lambda: client.recv(65536), b""))

    def post(self, body: bytes, path: str = "/predict", headers: str = "") -> tuple[int, bytes]:
        head = f"POST {path} HTTP/1.1\r\nConnection: close\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        answer = self.ask(head.encode() + body)
        return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2]

    def memory(self) -> float:
        """Resident MB."""
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.process.pid}/status").read_text())[1]) / 1024

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return make_text_bundle(tmp_path_factory.mktemp("bundles") / "text")


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., Process]]:
    begun: list[Process] = []

    def begin(bundle: Path, project: str = "") -> Process:
        begun.append(Process(bundle, tmp_path, project))
        return begun[-1]

    yield begin
    for process in begun:
        process.process.kill()
        process.process.wait()
        process.process.stdout.close()


def test_no_heavy_module_is_loaded_and_pickle_only_by_numpy(bundle):
    script = f"""
import sys, asyncio, json
from pathlib import Path
import numpy
brought = set(sys.modules)
from modelworks.serve.app import App
from modelworks.serve.models import Models, Source
from modelworks.serve.message import Request
from modelworks.serve.stats import Stats
from modelworks.core import config
import modelworks.serve.server, modelworks.serve.records, uvloop
async def go():
    stats = Stats()
    app = App(Models(Source(Path({str(bundle)!r})), config.Serve(), stats), stats)
    assert (await app(Request("POST", "/predict", body=b'{{"text": "good"}}'))).status == 200
    for path in ("/metrics", "/openapi.json", "/docs", "/readyz"):
        assert app(Request("GET", path)).status == 200
uvloop.run(go())
print(json.dumps(sorted(set(sys.modules) - brought)))
"""
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    roots = {name.split(".")[0] for name in json.loads(found.stdout)}
    heavy = {"torch", "transformers", "mlflow", "pickle", "joblib", "dill", "cloudpickle", "multiprocessing", "lance",
             "pyarrow", "sklearn", "pandas", "onnx", "yaml", "rich", "click"}  # fmt: skip
    assert not roots & heavy


def test_it_answers_says_so_and_ends_well(start, bundle):
    server = start(bundle)
    assert server.post(b'{"text": "a good film"}')[0] == 200
    assert server.memory() < 200
    assert server.stop() == 0


def test_bodies_that_are_wrong_or_too_large(start, bundle):
    server = start(bundle, "{max_body: 5000000}")
    assert server.post(b'{"text": "')[0] == 400
    assert server.post(b'{"text": "\xff"}')[0] == 400
    assert server.post(b'{"text": 1}')[0] == 422
    status, body = server.post(b'{"text": "' + b"x" * 6_000_000 + b'"}')
    assert (status, json.loads(body)["allowed"]) == (413, "5000000 bytes")
    assert server.post(b'{"text": "fine"}')[0] == 200


def test_a_million_characters_do_not_stop_the_others(start, bundle):
    server = start(bundle)
    text = json.dumps({"text": "good film " * 100_000}).encode()
    with server.connect() as large:
        large.sendall(b"POST /predict HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
        assert server.post(b'{"text": "small"}')[0] == 200
        assert large.recv(100).startswith(b"HTTP/1.1 200")


def test_an_image_bomb_is_refused(start, tmp_path):
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 10**6)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    server = start(make_image_bundle(tmp_path / "image"))
    status, body = server.post(bomb, headers="Content-Type: image/png\r\n")
    assert status == 413
    assert "pixels" in json.loads(body)["allowed"]
    status, body = server.post(b"this is not a picture", headers="Content-Type: image/gif\r\n")
    assert status == 422
    assert server.memory() < 250


def test_ten_thousand_connections(start, bundle):
    """As many as this system allows, all open at once; every tenth asks, twice."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(10_000, hard - 200)
    server = start(bundle)
    body = b'{"text": "good"}'
    request = b"POST /predict HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    clients = []
    try:
        for _ in range(count):
            clients.append(server.connect())
        for _ in range(2):
            for client in clients[::10]:
                client.sendall(request)
            for client in clients[::10]:
                assert client.recv(65536).startswith(b"HTTP/1.1 200")
        assert b"modelworks_connections %d.0" % (count + 1) in server.ask(
            b"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n"
        )
        assert server.memory() < 400
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def load(port: int, clients: int, until: asyncio.Event, pause: float = 0.0) -> dict[str, int]:
    """Keep-alive clients that ask until told to stop; what became of each request that was wholly sent."""
    body = b'{"text": "a good film and not a dull plot"}'
    request = b"POST /predict HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    seen = {"answered": 0, "lost": 0, "unsent": 0, "other": 0}

    async def client() -> None:
        while not until.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return  # it listens no more: nothing was accepted
            last = False
            while not until.is_set() and not last:
                writer.write(request)
                head = b""
                try:
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = int(re.search(rb"content-length: (\d+)", head)[1])
                    await reader.readexactly(length)
                except (asyncio.IncompleteReadError, ConnectionError):
                    # Closed while idle, before it read the request: the client may send it again elsewhere.
                    seen["lost" if head else "unsent"] += 1
                    break
                seen["answered" if b" 200 " in head else "other"] += 1
                last = b"connection: close" in head
                await asyncio.sleep(pause)
            writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return seen


@pytest.mark.parametrize(("pause", "inline"), [(0.0, True), (0.005, True), (0.0, False)])
def test_sigterm_under_load_loses_no_request(start, tmp_path, pause, inline):
    server = start(make_text_bundle(tmp_path / "bundle", selftest=inline))

    async def go() -> dict[str, int]:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.6, os.kill, server.process.pid, signal.SIGTERM)
        asyncio.get_running_loop().call_later(15, stop.set)
        return await load(server.port, 32, stop, pause)

    seen = asyncio.run(go())
    assert server.process.wait(15) == 0
    assert seen["answered"] > 100
    assert (seen["lost"], seen["unsent"], seen["other"]) == (0, 0, 0)


def test_sigterm_does_not_wait_for_idle_or_stuck_clients(start, bundle):
    server = start(bundle, "{deadline: 1}")
    with server.connect(), server.connect() as stuck:
        stuck.sendall(b"POST /predict HTTP/1.1\r\nContent-Length: 10\r\n\r\n{")
        time.sleep(0.2)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 5


def test_a_promotion_under_load_loses_no_request(start, tmp_path):
    from modelworks.bundle import open_manifest
    from modelworks.core import lock, paths

    pins = []
    for seed in (1, 2):
        made = make_text_bundle(tmp_path / str(seed), seed=seed)
        pins.append(lock.Pin(bundle=open_manifest(made).id, version=seed))
        target = paths.bundle(tmp_path, pins[-1].bundle)
        target.parent.mkdir(parents=True, exist_ok=True)
        made.rename(target)
    lock.write(tmp_path, lock.Lock(channels={"champion": 1}, releases=tuple(pins)))
    server = start(Path("champion"), "{}")

    async def go() -> dict[str, int]:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        changed = lock.Lock(channels={"champion": 2}, releases=tuple(pins))
        loop.call_later(0.3, lock.write, tmp_path, changed)
        loop.call_later(0.4, os.kill, server.process.pid, signal.SIGHUP)
        loop.call_later(3.0, stop.set)
        return await load(server.port, 16, stop)

    seen = asyncio.run(go())
    assert seen["answered"] > 100
    assert (seen["lost"], seen["unsent"], seen["other"]) == (0, 0, 0)
    ready = server.ask(b"GET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert json.loads(ready.partition(b"\r\n\r\n")[2])["version"] == "2"
    assert server.stop() == 0
    rows = record_files.lines(paths.records(tmp_path))
    assert len(rows) == seen["answered"]
    assert {row["modelworks"]["bundle"] for row in rows} == {pin.bundle for pin in pins}


def test_a_port_in_use_is_a_clear_error(bundle, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = subprocess.run(
            [sys.executable, "-c", RUN, "serve", str(bundle), "--port", str(port)],
            capture_output=True, text=True, cwd=tmp_path, check=False,
        )  # fmt: skip
    assert found.returncode == 2
    assert "cannot listen" in found.stderr
    assert "--port" in found.stderr
