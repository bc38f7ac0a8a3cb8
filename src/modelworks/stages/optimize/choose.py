"""Which variant wins, and why each of the others did not: measured, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelworks.contracts.metric import Metric

AIMS = {"latency": ("p50_ms", -1), "throughput": ("throughput", 1), "size": ("size", -1)}
"""Aim -> the figure that counts, and 1 when more of it is better."""
WORDS = {"p50_ms": ("faster", "slower"), "throughput": ("faster", "slower"), "size": ("smaller", "larger")}
GAIN = 0.05
"""A variant must beat the original by this share: less is noise, and the original is what was trained."""
STEADY = 0.75
"""Share of the rounds in which the winner must beat the original."""
ORIGINAL = "original"
Row = dict[str, Any]


def kept(metric: Metric, original: float, variant: float) -> float:
    """Share of the original's metric that a variant keeps; 1 is all of it, more is better than the original."""
    better = variant >= original if metric.higher_is_better else variant <= original
    above, below = (variant, original) if metric.higher_is_better else (original, variant)
    share = above / below if above > 0 and below > 0 else 0.0
    return max(share, 1.0) if better else share


def choose(rows: Sequence[Row], aim: str, keep: float) -> str:
    """The winner's name. Writes `chosen` and `why` into every row."""
    figure, sign = AIMS[aim]
    original = next(row for row in rows if row["variant"] == ORIGINAL)
    fit = [row for row in rows if row is original or (not _unfit(row, keep) and _steady(row, figure))]
    best = max(fit, key=lambda row: sign * row[figure])
    winner = best if _gain(best, original, figure, sign) >= GAIN else original
    for row in rows:
        row["chosen"] = row is winner
        row["why"] = _why(row, winner, original, aim, keep)
    return str(winner["variant"])


def _unfit(row: Row, keep: float) -> str:
    if row.get("error"):
        return f"could not be built: {row['error']}"
    if not row["same"]:
        return f"scores differ by up to {row['parity']['score']:.3g}, beyond {row['parity']['allowed']:.3g}"
    if row["kept"] < keep:
        return f"keeps {row['kept']:.1%} of the metric, {keep:.1%} is asked"
    return ""


def _steady(row: Row, figure: str) -> bool:
    """Whether it beat the original in most rounds, so that one quiet moment of a busy machine decides nothing."""
    won = row.get({"p50_ms": "p50_won"}.get(figure, f"{figure}_won"), 1.0)
    return bool(won >= STEADY)


def _gain(row: Row, original: Row, figure: str, sign: int) -> float:
    """By which share the row beats the original: 0.5 is half again as fast, or two thirds of the time or size."""
    if row is original:
        return 0.0
    ratio = row[figure] / original[figure] if sign > 0 else original[figure] / row[figure]
    return float(ratio - 1)


def _why(row: Row, winner: Row, original: Row, aim: str, keep: float) -> str:
    figure, sign = AIMS[aim]
    if row is original:
        return _why_original(winner, original, figure, sign)
    if problem := _unfit(row, keep):
        return problem
    gain = _gain(row, original, figure, sign)
    said = _compared(figure, gain)
    if row is winner:
        return f"{said} than the original, keeps {row['kept']:.1%} of the metric"
    if abs(gain) < GAIN:
        return f"no {WORDS[figure][0]} here than the original"
    if gain > 0 and not _steady(row, figure):
        return f"{said} here than the original, but not in every round: noise"
    return f"{said} here than the original" + ("" if gain < 0 else f", {winner['variant']} is better still")


def _why_original(winner: Row, original: Row, figure: str, sign: int) -> str:
    if winner is original:
        return "nothing that keeps the metric beats it here"
    return f"{winner['variant']} is {_compared(figure, _gain(winner, original, figure, sign))}"


def _compared(figure: str, gain: float) -> str:
    better, worse = WORDS[figure]
    if gain >= 0:
        return f"{1 + gain:.2f}× {better}"
    return f"{1 / max(1 + gain, 1e-9):.2f}× {worse}"


def words(rows: Sequence[Row], aim: str) -> str:
    """The outcome in a sentence: what was chosen, and what became of 8-bit weights, which everyone asks."""
    figure, sign = AIMS[aim]
    original = next(row for row in rows if row["variant"] == ORIGINAL)
    winner = next(row for row in rows if row["chosen"])
    if winner is original:
        lost = [row for row in rows if row["variant"].startswith("int8") and not row.get("error")]
        slower = [row["variant"] for row in lost if _gain(row, original, figure, sign) < -GAIN]
        what = WORDS[figure][1]
        said = f"{' and '.join(slower)} {'was' if len(slower) == 1 else 'were'} {what} here, " if slower else ""
        return f"{said}kept the original"
    said = _compared(figure, _gain(winner, original, figure, sign))
    return f"{winner['variant']}: {said} than the original, keeps {winner['kept']:.1%} of the metric"
