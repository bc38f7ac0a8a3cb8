"""The server against the in-process Predictor and against FastAPI + onnxruntime, on loopback, in one run.

python benchmarks/serve.py [PART…]     (parts: start small compact minilm; all when left out, about three minutes)

Needs wrk, torch and transformers.

Three bundles: `minilm` (6 layers of 384), `small` (a tokenizer and a bag of embeddings) and `compact` (the n-gram
recipe of the text family). Segments of all sides alternate, so that a busy machine slows them alike; figures are
medians of their ratios. CPU a request is that of the server's process alone, user and system.
"""

from __future__ import annotations

import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.update(ORT_DISABLE_TELEMETRY="1", TOKENIZERS_PARALLELISM="false")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import compact
import minilm
from machine import describe
from tiny_bundles import make_text_bundle

from modelworks.bundle import Predictor
from modelworks.kinds import Text

HERE = Path(__file__).parent
OURS = [sys.executable, "-c", "from modelworks.cli.main import main; main()", "serve"]
PEER = [sys.executable, str(HERE / "serve_peers" / "fastapi_text.py")]
Segment = dict[str, float]


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[tuple[int, int]]:
    """A server process that answers: its process id and port. The port is put after the command."""
    port = free_port()
    command = [*command, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    try:
        wait_for(f"http://127.0.0.1:{port}/openapi.json")
        yield process.pid, port
    finally:
        process.terminate()
        process.wait(30)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(url: str) -> None:
    for _ in range(6000):
        try:
            urllib.request.urlopen(url).read()
            return
        except OSError:
            time.sleep(0.005)
    raise SystemExit(f"no answer from {url}")


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """Resident memory in MB."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def load(server: tuple[int, int], clients: int, seconds: int, script: Path) -> Segment:
    """One segment of wrk: requests a second, and CPU seconds of the server a request."""
    pid, port = server
    before = cpu_of(pid)
    options = ["-t1", "--timeout", "30s", f"-c{clients}", f"-d{seconds}s", "-s", str(script)]
    command = ["wrk", *options, f"http://127.0.0.1:{port}/predict"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert not re.search("Non-2xx|Socket errors", said), said
    requests = int(re.search(r"(\d+) requests in", said)[1])
    return {"rate": float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]), "cpu": (cpu_of(pid) - before) / requests}


def in_process(predictor: Predictor, texts: list[str], clients: int, seconds: float) -> Segment:
    """The Predictor without a server: a thread a core, each with its share of the clients' texts at a time."""
    cores = len(os.sched_getaffinity(0))
    share, end, done = clients // cores, time.perf_counter() + seconds, [0] * cores
    start, before = time.perf_counter(), time.process_time()

    def lane(number: int) -> None:
        at = number * 997
        while time.perf_counter() < end:
            part = [texts[(at + i) % len(texts)] for i in range(share)]
            predictor.predict([Text(text) for text in part])
            at, done[number] = at + share, done[number] + share

    threads = [threading.Thread(target=lane, args=(number,)) for number in range(cores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - start
    return {"rate": sum(done) / taken, "cpu": (time.process_time() - before) / sum(done)}


def wrk_script(folder: Path, texts: list[str]) -> Path:
    """A Lua script that sends the texts in turn."""
    bodies = ",\n".join(f"[==[{json.dumps({'text': text})}]==]" for text in texts)
    path = folder / "load.lua"
    path.write_text(
        f'local bodies = {{\n{bodies}\n}}\nlocal at = 0\nlocal head = {{["Content-Type"] = "application/json"}}\n'
        'request = function()\n at = at % #bodies + 1\n return wrk.format("POST", nil, head, bodies[at])\nend\n'
    )
    return path


def interleave(sides: dict[str, Callable[[], Segment]], rounds: int) -> dict[str, list[Segment]]:
    """The segments of each side, taken in turn after one round that warms up."""
    found: dict[str, list[Segment]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name in list(sides) if number % 2 else list(sides)[::-1]:
            segment = sides[name]()
            if number:
                found[name].append(segment)
    return found


def compare(found: dict[str, list[Segment]], other: str) -> dict[str, float]:
    """Medians over rounds: ours over the other's rate, and CPU."""
    pairs = list(zip(found["server"], found[other], strict=True))
    return {
        "throughput_ratio": round(statistics.median(a["rate"] / b["rate"] for a, b in pairs), 3),
        "cpu_ratio": round(statistics.median(a["cpu"] / b["cpu"] for a, b in pairs), 3),
    }


def figures(found: dict[str, list[Segment]]) -> dict[str, Any]:
    return {
        name: {
            "requests_per_second": round(statistics.median(s["rate"] for s in segments), 1),
            "cpu_us_per_request": round(statistics.median(s["cpu"] for s in segments) * 1e6, 1),
        }
        for name, segments in found.items()
    }


def measure(
    bundle: Path, texts: list[str], clients: tuple[int, ...], seconds: int, rounds: int, *, alone: bool
) -> dict[str, Any]:
    """One bundle: our server, the peer, and with `alone` the Predictor in this process."""
    script = wrk_script(bundle.parent, texts)
    predictor = Predictor.open(bundle, threads=1)
    results: dict[str, Any] = {"company": predictor.company}
    with (
        running([*OURS, str(bundle), "--port"], bundle.parent) as ours,
        running([*PEER, str(bundle)], bundle.parent) as peer,
    ):
        same_answers(texts[:20], (ours[1], peer[1]))
        for count in clients:
            sides: dict[str, Callable[[], Segment]] = {
                "server": lambda n=count: load(ours, n, seconds, script),
                "fastapi": lambda n=count: load(peer, n, seconds, script),
            }
            if alone:
                sides["predictor"] = lambda n=count: in_process(predictor, texts, n, seconds)
            found = interleave(sides, rounds)
            results[f"clients {count}"] = figures(found) | {
                f"over {o}": compare(found, o) for o in sides if o != "server"
            }
    return results


def same_answers(texts: list[str], ports: tuple[int, int]) -> None:
    """Both servers say the same before they are timed (scores may differ in the last of four digits)."""
    for text in texts:
        said = []
        for port in ports:
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/predict", json.dumps({"text": text}).encode(),
                {"Content-Type": "application/json"},
            )  # fmt: skip
            said.append(json.loads(urllib.request.urlopen(request).read()))
        assert said[0]["label"] == said[1]["label"], said
        assert abs(said[0]["score"] - said[1]["score"]) < 0.001, said


def starting(bundle: Path, times: int = 5) -> dict[str, float]:
    """Seconds from starting the command to the first answer, and memory then and after some requests."""
    seconds, cpu, memory = [], [], 0.0
    for _ in range(times):
        began = time.perf_counter()
        with running([*OURS, str(bundle), "--port"], bundle.parent) as server:
            seconds.append(time.perf_counter() - began)
            cpu.append(cpu_of(server[0]))
            load(server, 8, 1, wrk_script(bundle.parent, minilm.sentences(100)))
            memory = max(memory, resident(server[0]))
    return {
        "ready_seconds_median": round(statistics.median(seconds), 3), "ready_seconds_least": round(min(seconds), 3),
        "ready_cpu_seconds": round(statistics.median(cpu), 3), "resident_mb": round(memory, 1),
    }  # fmt: skip


PARTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "start": lambda folder: starting(compact.build(folder / "compact")),
    "small": lambda folder: measure(make_text_bundle(folder / "small"), texts(), (32, 1), 2, 3, alone=False),
    "compact": lambda folder: measure(compact.build(folder / "compact"), texts(), (32, 1), 2, 3, alone=False),
    "minilm": lambda folder: measure(minilm.build(folder / "minilm"), texts(), (32,), 4, 4, alone=True),
}
BARS = {
    "start": {"ready_seconds_median": 1.0, "resident_mb": 200},
    "small, compact": {"clients 32 over fastapi": 4.0, "clients 1 over fastapi": 1.5, "cpu_ratio": 0.3},
    "minilm": {"throughput over predictor": 0.95, "cpu over fastapi": 0.85},
}


def texts() -> list[str]:
    return minilm.sentences(500)


def main() -> None:
    path = HERE / "results" / "serve.json"
    out: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"benchmark": "serve", "results": {}}
    for part in sys.argv[1:] or PARTS:
        with tempfile.TemporaryDirectory() as name:
            out["results"][part] = PARTS[part](Path(name)) | {"load_1m": describe()["load_1m"]}
        print(part, json.dumps(out["results"][part], indent=1))
    out |= {"bars": BARS, "machine": describe()}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
