"""The files of records, read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def lines(folder: Path) -> list[dict[str, Any]]:
    """All records of a folder, file by file; a line that is still being written is none yet."""
    whole = [path.read_text("utf-8").rpartition("\n")[0] for path in sorted(folder.glob("*.jsonl"))]
    return [json.loads(row) for text in whole for row in text.splitlines()]
