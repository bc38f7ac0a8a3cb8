"""What the lock says of the release that answers, as gauges: since when, from which data, and how it scored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from modelworks.core.lock import Pin
from modelworks.serve.stats import Level


def levels(pin: Pin | None) -> Iterator[Level]:
    """Nothing where the bundle came from a path: a bundle alone holds no times."""
    if pin is None:
        return
    facts = {
        "version": str(pin.version), "dataset": pin.dataset, "baseline": pin.baseline or "", "registry": pin.registry,
    }  # fmt: skip
    yield Level("release_info", "The release that answers", 1, facts)
    if (when := _seconds(pin.released)) is not None:
        yield Level("release_timestamp_seconds", "When the release that answers was made", when)
    for metric, value in pin.scores.items():
        yield Level("score", "Score on the test split when it was released", value, {"metric": metric})
    for metric, (low, high) in pin.intervals.items():
        yield Level("score_low", "Lower end of the score's interval", low, {"metric": metric})
        yield Level("score_high", "Upper end of the score's interval", high, {"metric": metric})


def _seconds(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None
