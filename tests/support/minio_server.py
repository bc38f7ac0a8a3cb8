"""A real MinIO on loopback."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import outside

KEY, SECRET = "modelworks", "modelworks-secret"


@dataclass
class Minio:
    """A running server."""

    program: str
    data: Path
    port: int
    process: Popen[bytes]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def uri(self, bucket: str, prefix: str = "") -> str:
        """A store's URI; the bucket is made when it is not there."""
        (self.data / bucket).mkdir(exist_ok=True)  # MinIO takes a folder of its data for a bucket
        return f"s3://{bucket}/{prefix}?endpoint={self.endpoint}&region=us-east-1"


@contextlib.contextmanager
def minio(folder: Path, port: int | None = None, wrap: tuple[str, ...] = ()) -> Iterator[Minio]:
    """A server over `folder/data`; `wrap` is a command line that starts it (as a limit on file sizes)."""
    program, port = outside.program("minio", folder), port or outside.free_port()
    data = folder / "data"
    data.mkdir(exist_ok=True)
    command = [*wrap, program, "server", str(data), "--address", f"127.0.0.1:{port}", "--quiet"]
    settings = {
        "MINIO_ROOT_USER": KEY, "MINIO_ROOT_PASSWORD": SECRET, "MINIO_UPDATE": "off", "MINIO_BROWSER": "off",
    }  # fmt: skip
    with outside.server(command, folder / "minio.log", settings) as process:
        outside.answers(f"http://127.0.0.1:{port}/minio/health/live", process=process)
        yield Minio(program, data, port, process)


def credentials(secret: str = SECRET) -> Mapping[str, str]:
    """Environment variables with which boto3 may write."""
    return {
        **os.environ,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
