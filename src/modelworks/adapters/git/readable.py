"""A JSON file as lines that a person can compare: `git diff` shows these instead of the file (a textconv driver)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

_NAMES = ("version", "name", "perturbation", "column", "what", "path")
"""Members by which an entry of a list is known, so that one more entry does not rename those after it."""


def text(path: Path) -> str:
    """`a.b: value` lines, in the file's order, figures to four places; a file that is no JSON as it is."""
    data = path.read_bytes()
    try:
        value = msgspec.json.decode(data)
    except msgspec.MsgspecError:
        return data.decode("utf-8", "replace")
    return "".join(f"{line}\n" for line in _lines(value, ""))


def _lines(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _lines(inner, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        for number, inner in enumerate(value):
            yield from _lines(inner, f"{place}[{_name(inner, number)}]")
    else:
        yield f"{place}: {_plain(value)}"


def _name(value: Any, number: int) -> str:
    known = [str(value[name]) for name in _NAMES if name in value] if isinstance(value, dict) else []
    if known and isinstance(value, dict) and "column" in value and "value" in value:
        return f"{known[0]}={value['value']}"
    return known[0] if known else str(number)


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".") if abs(value) >= 0.001 or value == 0 else f"{value:.3g}"
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if isinstance(value, str):
        return value[:16] if len(value) == 64 and value.isalnum() else value
    return msgspec.json.encode(value).decode()
