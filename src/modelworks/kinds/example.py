"""One example of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelworks.kinds.base import Kind


@dataclass(frozen=True, slots=True)
class Example:
    """An input with its target.

    `id` is stable under appended data (from the file and position, or given); `meta` holds any further columns as
    strings (`group`, `time`, `source`, …); `where` names file and line for messages."""

    id: str
    input: Kind
    target: Kind | None = None
    meta: Mapping[str, str] = field(default_factory=dict)
    split: str = ""
    where: str = ""
