"""Real MLflow servers and a real PostgreSQL on loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import outside
import pytest


@contextlib.contextmanager
def server(folder: Path, store: str = "", *options: str, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """The URL of a tracking server whose things lie in `folder`; `store` is the URI of its database."""
    port = outside.free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", store or f"sqlite:///{folder / 'store.db'}",
        "--artifacts-destination", str(folder / "artifacts"), *options,
    ]  # fmt: skip
    # of its eight processes six only wait for jobs that no test gives
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", **(env or {})}
    with outside.server(command, folder / "server.txt", quiet, cwd=folder) as process:
        outside.answers(f"{url}/health", 180, process)
        yield url


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """URI of an empty database of a PostgreSQL of its own."""
    outside.environment("mlflow")
    data, port = folder / "data", outside.free_port()
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
    if as_user:  # it does not run as root, and the folders above belong to root alone
        data = Path(
            subprocess.run([*as_user, "mktemp", "-d"], check=True, capture_output=True, text=True).stdout.strip()
        )
    initdb, program = _program("initdb"), _program("postgres")
    try:
        subprocess.run(
            [*as_user, initdb, "-D", data, "-U", "modelworks", "--auth=trust", "-E", "UTF8", "--no-sync"],
            check=True, capture_output=True,
        )  # fmt: skip
        command = [*as_user, program, "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", "", "-F"]
        with outside.server(command, folder / "postgres.txt") as process:
            address = f"//modelworks@127.0.0.1:{port}/postgres"
            _ready(f"postgresql:{address}", process)
            yield f"postgresql+psycopg2:{address}"  # without a driver's name SQLAlchemy 2.1 takes psycopg 3
    finally:
        shutil.rmtree(data, ignore_errors=True)


def _ready(uri: str, process: subprocess.Popen[bytes]) -> None:
    import psycopg2

    end = time.monotonic() + 60
    while True:
        try:
            psycopg2.connect(uri).close()
            return
        except psycopg2.OperationalError:
            if process.poll() is not None or time.monotonic() > end:
                pytest.fail("PostgreSQL did not start")
            time.sleep(0.2)


def _program(name: str) -> str:
    """A program of PostgreSQL: Debian keeps them out of PATH."""
    found = shutil.which(name) or next(iter(sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None)
    if found is None:
        pytest.skip(f"no {name}")
    return str(found)
