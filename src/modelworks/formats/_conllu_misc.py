"""The column MISC of CoNLL-U: attributes, and the white space they tell of."""

from __future__ import annotations

import re

_ESCAPES = {"s": " ", "t": "\t", "r": "\r", "n": "\n", "p": "|", "\\": "\\"}
SPACES = ("SpaceAfter", "SpacesAfter", "SpacesBefore", "SpacesInToken")


def spaces_after(misc: str) -> str | None:
    """The white space behind a token as its MISC says; None for the usual."""
    if (given := attribute(misc, "SpacesAfter")) is not None:
        return unescaped(given)
    return "" if attribute(misc, "SpaceAfter") == "No" else None


def attribute(misc: str, name: str) -> str | None:
    """The value of `name=value` among those of a column."""
    for pair in misc.split("|"):
        key, mark, value = pair.partition("=")
        if key == name and mark:
            return value
    return None


def without_spaces(misc: str) -> str:
    """MISC without what offsets say."""
    kept = [pair for pair in misc.split("|") if pair.partition("=")[0] not in SPACES]
    return "|".join(kept) or "_"


def unescaped(value: str) -> str:
    """White space that was written as SpacesAfter has it; "" for what holds more than white space."""
    found = re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), value)
    return "" if found.strip() else found


def escaped(spaces: str) -> str:
    """White space as SpacesAfter writes it (UDPipe)."""
    table = {" ": r"\s", "\t": r"\t", "\r": r"\r", "\n": r"\n"}
    return "".join(table.get(c, c) for c in spaces)
