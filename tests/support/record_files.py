"""The files of records, read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def lines(folder: Path) -> list[dict[str, Any]]:
    """All records of a folder, file by file."""
    return [json.loads(row) for path in sorted(folder.glob("*.jsonl")) for row in path.read_text("utf-8").splitlines()]
