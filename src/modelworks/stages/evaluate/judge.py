"""What single decisions of predictions add up to: confusions. The decisions themselves are the kinds'
(`Kind.judgements`); a kind that holds none yields None, and the report then goes without confusions, calibration and
worst decisions.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelworks.kinds import Judgement


def confusions(judgements: Iterable[Judgement]) -> list[dict[str, object]]:
    """Counts of (truth, predicted), most frequent first; None is "nothing there"."""
    counts: dict[tuple[str | None, str | None], int] = {}
    for one in judgements:
        counts[one.truth, one.predicted] = counts.get((one.truth, one.predicted), 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return [{"truth": truth, "predicted": predicted, "count": count} for (truth, predicted), count in ordered]
