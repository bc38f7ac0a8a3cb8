"""Real outside systems for tests: environments of their own, programs, servers on loopback ended by their own ids."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def environment(name: str) -> Path:
    """`.venvs/NAME`, made from environments/NAME when it is not there yet."""
    subprocess.run([ROOT / "scripts" / "environment", name], check=True)
    return ROOT / ".venvs" / name


def shared(variable: str, folder: str) -> Path:
    """A folder of programs that no registry has; the test is skipped, saying so, where it is absent."""
    path = Path(os.environ.get(variable, ROOT.parent / "shared" / folder))
    if not path.is_dir():
        pytest.skip(f"no {folder} at ${variable} or beside the checkout")
    return path


def program(name: str, into: Path) -> str:
    """A program of PATH, or out of the archive of tools (`act`, `helm`, `minio`)."""
    if found := shutil.which(name):
        return found
    if (into / name).is_file():
        return str(into / name)
    for archive in sorted(shared("MODELWORKS_TOOLS", "tools").glob("*.tar.xz")):
        with tarfile.open(archive) as tar:
            if name in tar.getnames():
                tar.extract(name, into, filter="data")
                return str(into / name)
    pytest.skip(f"no `{name}` on PATH nor in $MODELWORKS_TOOLS")


def skip_where_forbidden(told: str) -> None:
    """Skip the test when a program ended because this machine does not let it do what it must, as a container without
    privileges does not let one start an engine."""
    for line in told.splitlines():
        if "operation not permitted" in line.lower() or "permission denied" in line.lower():
            pytest.skip(f"this machine forbids it: {line.strip()[-300:]}")


def free_port() -> int:
    """A port of loopback that nothing listens on now."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def answers(url: str, seconds: float = 60, process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until a URL answers (below 500); fail when the time is over or the process has ended."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return
        except OSError:
            pass
        if process is not None and process.poll() is not None:
            pytest.fail(f"{process.args} ended with {process.returncode} before {url} answered")
        if time.monotonic() > end:
            pytest.fail(f"{url} did not answer within {seconds:.0f} s")
        time.sleep(0.1)


@contextlib.contextmanager
def server(
    command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process group of its own, ended with all its children when the block ends; its output goes to `log`."""
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env={**os.environ, **(env or {})}, cwd=cwd, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[bytes], seconds: float = 15) -> None:
    """End a server's process group: asked first, killed after a while."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return
