"""Body: the part of a program that a *family* brings: from the task's raw variables to the network's answer.

A task's `program(labels, body)` wraps it: variables of the input kind -> body -> post-operations -> prediction.
So one task works with any family of its shape, and one family serves any task of that shape.

- `sequence` reads `text`, leaves `logits` float32 [B, C].
- `token` reads `text`, leaves `logits`, a list of float32 [T, C], and `units`, a list of int32 [T, 2]: the code
  points [start, end) of each unit (word or token) in the raw text.
- `image` reads `image`, leaves `logits` float32 [B, C].
"""

from __future__ import annotations

from msgspec import Struct

from modelworks.contracts.program import Call

READS = {"sequence": ("text",), "token": ("text",), "image": ("image",)}
LEAVES = {"sequence": ("logits",), "token": ("logits", "units"), "image": ("logits",)}


class Body(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Calls between the input's variables and the promised ones."""

    shape: str
    before: tuple[Call, ...]
    """Row-wise operations: they also prepare training, so training and serving see the same numbers."""
    after: tuple[Call, ...]
    """Batching operations and the graph."""
    length: str | None = None
    """The row-wise variable that tells a row's cost."""

    @property
    def calls(self) -> tuple[Call, ...]:
        return self.before + self.after
