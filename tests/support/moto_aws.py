"""AWS's emulation (moto) on loopback, with faults at will: see moto_front.py."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import outside


@dataclass(frozen=True)
class Moto:
    """A running emulation."""

    folder: Path
    url: str

    def environ(self) -> dict[str, str]:
        """Environment variables with which boto3 finds it."""
        return {
            "AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        }  # fmt: skip

    def faults(self, **faults: object) -> None:
        """What goes wrong from now on; nothing without arguments."""
        (self.folder / "faults.json").write_text(json.dumps(faults))

    def calls(self, action: str) -> list[dict]:
        """The bodies of an action's calls since the last `forget`."""
        path = self.folder / "calls.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [{**line, "body": json.loads(line["body"] or "{}")} for line in lines if line["action"] == action]

    def forget(self) -> None:
        (self.folder / "calls.jsonl").write_text("")


@contextlib.contextmanager
def moto(folder: Path) -> Iterator[Moto]:
    python = outside.environment("sagemaker") / "bin" / "python"
    port = outside.free_port()
    script = Path(__file__).with_name("moto_front.py")
    with outside.server([python, script, str(port), folder], folder / "moto.log") as process:
        outside.answers(f"http://127.0.0.1:{port}/moto-api/", 120, process)
        yield Moto(folder, f"http://127.0.0.1:{port}")
