"""The report's sections: each a function from plain data to HTML, empty when there is nothing to show. Whatever comes
from data is escaped here; a task's own rendering of examples is escaped by the task, and the page's policy lets no
script but the page's own run."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from modelworks.stages.evaluate.page import charts

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Data:
    """All that the page shows."""

    report: Plain
    verdict: Plain
    champion: Plain | None = None
    variants: Sequence[Plain] = ()
    pareto: str = ""
    examples: Mapping[str, Sequence[Plain]] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)


def verdict(data: Data) -> str:
    """The verdict and its checks."""
    found = data.verdict
    rows = "".join(
        f"<tr><td>{_mark(one['passed'])}</td><td>{escape(one['condition'])}</td>"
        f'<td class="small">{escape(one["words"])}</td></tr>'
        for one in found["checks"]
    )
    head, _, words = found["words"].partition(": ")
    kind = "" if found["passed"] else " failed"
    table = f"<table><tr><th></th><th>condition</th><th>what was seen</th></tr>{rows}</table>" if rows else ""
    return (
        f'<section id="verdict" class="card verdict{kind}"><h2>{_mark(found["passed"])} {escape(head)}</h2>'
        f"<p>{escape(words)}</p>{table}</section>"
    )


def tiles(data: Data) -> str:
    """The few figures one looks for first."""
    primary = data.report["primary"]
    score = data.report["scores"][primary]
    shown = [(primary, figure(score["value"]), f"{figure(score['low'])} to {figure(score['high'])}")]
    shown.append(("test examples", f"{data.report['examples']:,}", f"intervals at {data.report['confidence']:.0%}"))
    if ece := data.report["calibration"].get("ece"):
        shown.append(("calibration error", figure(ece["value"]), "0 is best"))
    chosen = next((one for one in data.variants if one.get("chosen")), None)
    if chosen:
        shown.append(("latency, p50", f"{chosen['p50_ms']:.3g} ms", f"p95 {chosen['p95_ms']:.3g} ms"))
        shown.append(("size", f"{chosen['size'] / 1e6:.3g} MB", chosen["variant"]))
    cells = "".join(
        f'<div class="tile"><span>{escape(name)}</span><b>{escape(value)}</b><small>{escape(note)}</small></div>'
        for name, value, note in shown
    )
    return f'<div class="tiles">{cells}</div>'


def scores(data: Data) -> str:
    """Every score with its interval, and the champion's beside it."""
    theirs = data.champion["scores"] if data.champion else {}
    rows = []
    for name, score in data.report["scores"].items():
        other = theirs.get(name, {}).get("value")
        low, high = _range([score], other)
        champion = f'<td class="n">{figure(other)}</td>' if data.champion else ""
        rows.append(
            f"<tr><td><b>{escape(name)}</b></td>{_value(score)}<td>{charts.bar(score, low, high, other)}</td>{champion}"
            f'<td class="small">{"higher" if score["higher_is_better"] else "lower"} is better</td></tr>'
        )
    head = '<th class="n">champion</th>' if data.champion else ""
    note = "The band is the interval, the dot the score" + (", the tick the champion." if data.champion else ".")
    return _card(
        "scores", "Scores", note,
        f'<table><tr><th>score</th><th class="n">value</th><th class="n">interval</th><th></th>{head}<th></th></tr>'
        f"{''.join(rows)}</table>",
    )  # fmt: skip


def variants(data: Data) -> str:
    """What was built, what it cost here, and why one was chosen."""
    if not data.variants:
        return ""
    rows = "".join(_variant(one) for one in data.variants)
    names = ("variant", "size MB", "load s", "p50 ms", "p95 ms", "per second", "memory MB", "metric", "kept", "why")
    head = "".join(f"<th{'' if name in ('variant', 'why') else _N}>{name}</th>" for name in names)
    note = "Built, checked against the original and timed on the machine that ran the pipeline."
    return _card("variants", "Variants", note, f"<table><tr>{head}</tr>{rows}</table>{_picture(data.pareto)}")


_N = ' class="n"'


def _picture(svg: str) -> str:
    """An SVG document as an image, so that neither its styles nor anything else in it reach the page."""
    if not svg:
        return ""
    data = base64.b64encode(svg.encode()).decode()
    return f'<img class="picture" alt="latency against the metric" src="data:image/svg+xml;base64,{data}">'


def _variant(one: Plain) -> str:
    name = f"<td><b>{escape(one['variant'])}</b></td>"
    if one.get("error"):
        return f'<tr>{name}<td colspan="8"></td><td class="small">{escape(one.get("why") or one["error"])}</td></tr>'
    cells = [one["size"] / 1e6, *(one[key] for key in ("load_s", "p50_ms", "p95_ms", "throughput", "memory_mb"))]
    figures = "".join(
        f'<td class="n">{value:.3g}</td>' if value < 1000 else f'<td class="n">{value:,.0f}</td>' for value in cells
    )
    kind = ' class="chosen"' if one.get("chosen") else ""
    return (
        f'<tr{kind}>{name}{figures}<td class="n">{figure(one["metric"])}</td><td class="n">{one["kept"]:.1%}</td>'
        f'<td class="small">{escape(one["why"])}</td></tr>'
    )


def slices(data: Data) -> str:
    """The primary score on parts of the test split."""
    entries = data.report["slices"]
    if not entries:
        return ""
    primary = data.report["primary"]
    found = [one["scores"][primary] for one in entries]
    ends = [one[name] for one in found for name in ("value", "low", "high") if one[name] is not None]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    rows = "".join(
        f"<tr><td>{escape(one['column'])}</td><td>{escape(one['value'])}{_FOUND if one['found'] else ''}</td>"
        f'<td class="n" data-v="{one["examples"]}">{one["examples"]}</td>{_value(score)}'
        f"<td>{charts.bar(score, low, high, data.report['scores'][primary]['value'])}</td></tr>"
        for one, score in zip(entries, found, strict=True)
    )
    note = (
        f"{escape(primary)} on parts of the test split; the tick is the score of the whole. Found slices were searched"
        " for and are lower than the rest beyond chance, after correction for all that was tried."
    )
    names = ("examples", "score", "interval")
    head = f"<th>column</th><th>value</th>{''.join(f'<th{_N}>{name}</th>' for name in names)}<th></th>"
    return _card(
        "slices", "Slices", note, f'<table class="sorts"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    )


_FOUND = '<span class="tag">found</span>'


def decisions(data: Data) -> str:
    """Confusions and calibration."""
    parts = []
    if data.report["confusions"]:
        body = charts.heat(data.report["confusions"])
        parts.append(_card("confusions", "Confusions", "Rows are the truth; shades are shares of a row.", body))
    if data.report["calibration"].get("bins"):
        ece = data.report["calibration"]["ece"]
        note = (
            f"Expected calibration error {figure(ece['value'])} ({figure(ece['low'])} to {figure(ece['high'])})."
            " On the dashed line scores mean what they say; the bars count decisions."
        )
        body = charts.reliability(data.report["calibration"]["bins"])
        parts.append(_card("calibration", "Calibration", note, body))
    small = len(data.report["labels"]) <= 4 and len(parts) == 2
    return f'<div class="two">{"".join(parts)}</div>' if small else "".join(parts)


def robustness(data: Data) -> str:
    """The paired change under each perturbation."""
    rows = data.report["robustness"]
    if not rows:
        return ""
    primary = escape(data.report["primary"])
    note = f"What perturbed inputs do to {primary}, on the same examples, with its interval; negative is worse."
    return _card("robustness", "Robustness", note, charts.drops(rows))


def examples(data: Data) -> str:
    """The worst errors, and a random sample so that nobody judges by errors alone."""
    worst, samples = data.examples.get("worst", ()), data.examples.get("samples", ())
    if not worst and not samples:
        return ""
    body = f'<div class="gallery">{"".join(map(_shown, worst))}</div>' if worst else "<p>No error was made.</p>"
    if samples:
        body += f'<details><summary>A random sample of {len(samples)}</summary><div class="gallery">'
        body += f"{''.join(map(_shown, samples))}</div></details>"
    return _card("examples", "Worst errors", "The wrong decisions the model was surest of.", body)


def _shown(one: Plain) -> str:
    where = one.get("where") or one["id"]
    return f'<div class="shown"><small>{escape(where)}</small>{one["html"] or "<p>(too large to show)</p>"}</div>'


def provenance(data: Data) -> str:
    """What was measured on what, and by which rules."""
    report, data_set = data.report, data.dataset
    rows = [
        ("candidate", report["bundle"]), ("champion", data.verdict.get("champion") or "none"),
        ("dataset", report["dataset"]), ("split", f"{report['split']}, {report['examples']} examples"),
        ("resamples", f"{report['resamples']} bootstrap resamples, fixed seed"),
    ]  # fmt: skip
    if data_set.get("splits"):
        rows.append(("splits", ", ".join(f"{name} {count}" for name, count in data_set["splits"].items())))
    rows += [(f"signature of {name}", score["signature"]) for name, score in report["scores"].items()]
    body = "".join(f"<tr><th>{escape(k)}</th><td><code>{escape(str(v))}</code></td></tr>" for k, v in rows)
    return _card("provenance", "Provenance", "What these figures stand for.", f"<table>{body}</table>")


def figure(value: float | None) -> str:
    """Four decimals for small numbers, fewer for large ones; a dash for an undefined one."""
    if value is None:
        return "–"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"


def _value(score: Plain) -> str:
    value, low, high = score["value"], score["low"], score["high"]
    span = f"{figure(low)} to {figure(high)}" if low is not None else "–"
    return (
        f'<td class="n" data-v="{-1 if value is None else value}">{figure(value)}</td><td class="n small">{span}</td>'
    )


def _range(found: Sequence[Plain], other: float | None) -> tuple[float, float]:
    """The ends of the line scores are drawn on: 0 to 1, or wider when a score lies outside."""
    ends = [one[name] for one in found for name in ("value", "low", "high") if one[name] is not None]
    ends += [other] if other is not None else []
    return min([0.0, *ends]), max([1.0, *ends])


def _mark(passed: bool) -> str:
    return '<span class="yes">✓</span>' if passed else '<span class="no">✗</span>'


def _card(name: str, title: str, note: str, body: str) -> str:
    return f'<section id="{name}" class="card"><h2>{title}</h2><p>{note}</p>{body}</section>'
