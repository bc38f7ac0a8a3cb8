"""What a sink refuses for good, with the reason: `.modelworks/records/dead/<sink>.jsonl`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from modelworks.contracts.sink import SinkError
from modelworks.core import files

FULL = 256 << 20
"""Bytes at which no more are taken: then something is wrong with all records, and they wait where they are."""


def path_of(folder: Path, sink: str) -> Path:
    """The dead letters of a sink."""
    return folder / "dead" / f"{sink}.jsonl"


def put(folder: Path, sink: str, refused: Iterable[tuple[bytes, str]]) -> None:
    """Add lines with the reason of each; they are on the disk when this returns."""
    path = path_of(folder, sink)
    with files.locked(path.with_suffix(".lock")), files.telling(path), path.open("ab") as stream:
        if stream.tell() >= FULL:
            raise SinkError("the dead letters are full", where=str(path), hint=f"modelworks ship {sink} --dead-letters")
        stream.writelines(_letter(line, reason) for line, reason in refused)
        stream.flush()
        os.fsync(stream.fileno())


def _letter(line: bytes, reason: str) -> bytes:
    letter: dict[str, Any] = {
        "@timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "error": {"message": reason},
        "event": {"kind": "pipeline_error", "original": line.decode("utf-8", "replace")},
    }
    return msgspec.json.encode(letter) + b"\n"


def revive(folder: Path, sink: str) -> int:
    """Put dead letters back among the records, so that they are sent again; how many.

    Their ids are the same, so a crash between the two steps does no harm."""
    path = path_of(folder, sink)
    with files.locked(path.with_suffix(".lock")):
        if not path.is_file():
            return 0
        lines = [msgspec.json.decode(line)["event"]["original"] for line in path.read_bytes().splitlines()]
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
        files.write_bytes(folder / f"records-{stamp}-dead.jsonl", "".join(f"{line}\n" for line in lines).encode())
        path.unlink()
        return len(lines)
