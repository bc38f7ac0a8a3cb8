"""Finding: what `modelworks doctor` says of one thing. A leaf that talks to a system has `check`, which asks that
system whether it is reachable, of a version that fits, and willing, and never raises or waits longer than seconds."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Finding(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the doctor."""

    what: str
    """The thing: `mlflow http://…`."""
    state: Literal["ok", "note", "fault"]
    """`fault`: the project cannot work so; `note`: worth knowing."""
    seen: str
    """Version, address, or what went wrong."""
    next: str = ""
    """What to do, ideally a command."""
