"""Operations of a test's own, known for as long as a block runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from modelworks.contracts.op import OPS


@contextlib.contextmanager
def own() -> Iterator[None]:
    """What the block enters is forgotten when it ends. Operations of ours stay: the files that a block happens to
    import are imported only once."""
    before = dict(OPS)
    try:
        yield
    finally:
        for name, op in list(OPS.items()):
            if not op.run.__module__.startswith("modelworks."):
                del OPS[name]
        OPS.update(before)
