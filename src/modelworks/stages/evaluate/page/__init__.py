"""`report.html`: one self-contained file that opens from disk, without network."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any


def page(inputs: Mapping[str, Path], verdict: dict[str, Any]) -> str:
    """The page of a gate's inputs (candidate, champion, optimized, dataset) and its verdict."""
    return f"<!doctype html><title>{escape(verdict['words'])}</title>"
