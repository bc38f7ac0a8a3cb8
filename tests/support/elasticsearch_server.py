"""A real Elasticsearch on loopback: started in seconds, killed and brought back on its data."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import outside
import pytest


class Elasticsearch:
    """One node with all its state in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._program = outside.shared("MODELWORKS_ELASTICSEARCH", "elasticsearch") / "server"
        self.folder, self.port = folder, outside.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.up()

    def up(self) -> None:
        done = self._call("up")
        if done.returncode:  # the program waits a minute, and a busy machine may need more
            assert self._runs(), done.stderr + (self.folder / "log").read_text()[-2000:]
            within(240, lambda: self.ask("GET", "_cluster/health"))

    def down(self) -> None:
        self._call("down")

    def kill(self) -> None:
        """As a power cut does: no time to write anything."""
        os.kill(int((self.folder / "pid").read_text()), signal.SIGKILL)
        within(60, lambda: not self._runs())
        (self.folder / "pid").unlink()

    def _runs(self) -> bool:
        """A killed process that nobody has waited for yet has no command line."""
        try:
            return bool(Path(f"/proc/{(self.folder / 'pid').read_text().strip()}/cmdline").read_bytes())
        except OSError:
            return False

    def _call(self, verb: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PORT": str(self.port), "HEAP": "512m"}
        return subprocess.run(
            [self._program, verb, self.folder], env=env, capture_output=True, text=True, timeout=300, check=False
        )

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/{path}", data, {"content-type": "application/json"}, method=method
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def search(self, stream: str, **body: Any) -> Any:
        """The answer of a search over all that has been written; None where there is no such data stream yet."""
        try:
            self.ask("POST", f"{stream}/_refresh")
            return self.ask("POST", f"{stream}/_search", {"track_total_hits": True, **body})
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def count(self, stream: str) -> int:
        found = self.search(stream, size=0)
        return found["hits"]["total"]["value"] if found else 0

    def ids(self, stream: str) -> list[str]:
        """`event.id` of every document (at most 10,000)."""
        hits = self.search(stream, size=10_000, _source=["event.id"])["hits"]["hits"]
        return [hit["_source"]["event"]["id"] for hit in hits]


def within(seconds: float, what: Callable[[], Any]) -> Any:
    """The first true value of `what`; a system that is away meanwhile is no failure."""
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            if last := what():
                return last
        except OSError as error:
            last = error
        time.sleep(0.2)
    pytest.fail(f"not within {seconds:.0f} s; last: {last!r}")
