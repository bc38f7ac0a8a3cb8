"""Write the measured tables of README.md from benchmarks/results. Figures are never typed by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from modelworks.contracts import metric as metrics

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def read(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text())


def quality() -> str:
    lines = [
        "| data (development split) | model | score, 95 % interval | bar on the held-out test | minutes | bundle |",
        "|---|---|---|---|---|---|",
    ]
    for path in sorted(RESULTS.glob("quality-*.json")):
        one = json.loads(path.read_text())
        bars = one.get("bars") or {one.get("bar_of") or next(iter(one["scores"])): one["bar"]}
        shown = "<br>".join(score(name, one["scores"][name]) for name in bars)
        wanted = "<br>".join(bar(name, value) for name, value in bars.items())
        minutes = sum(one["seconds"].values()) / 60
        data = one["name"].removesuffix("-compact")
        size = f"{one['bytes'] / 1e6:.1f} MB"
        lines.append(f"| {data} | {one['model']} | {shown} | {wanted} | {minutes:.1f} | {size} |")
    return "\n".join(lines)


def score(name: str, found: dict[str, Any]) -> str:
    digits = 1 if found["value"] > 2 else 3
    return f"{name} {found['value']:.{digits}f} ({found['low']:.{digits}f} to {found['high']:.{digits}f})"


def bar(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{'≥' if metrics.find(name).higher_is_better else '≤'} {value:.3g}"


def speed() -> str:
    serve, predictor = read("serve")["results"], read("predictor")
    start, fingerprint = read("startup")["results"], read("fingerprint")["results"]
    rows = [("Predictor / bare onnxruntime loop, same graph and batches", predictor["ratio_median"], "0.95")]
    minilm = serve["minilm"]["clients 32"]
    rows.append(
        ("server / in-process Predictor, MiniLM, 32 clients", minilm["over predictor"]["throughput_ratio"], "0.95")
    )
    for bundle in ("minilm", "small", "compact"):
        for clients, found in serve[bundle].items():
            if isinstance(found, dict) and "over fastapi" in found:
                over = found["over fastapi"]
                text = f"{over['throughput_ratio']}× throughput, {over['cpu_ratio']}× CPU a request"
                rows.append((f"server / FastAPI + onnxruntime, {bundle}, {clients}", text, BARS[bundle, clients]))
    begun = serve["start"]
    rows.append(
        ("server ready, compact bundle", f"{begun['ready_seconds_median']} s, {begun['resident_mb']} MB", "1 s, 200 MB")
    )
    rows += [
        (f"`modelworks {name}`", f"{one['median_s']} s", START[name]) for name, one in start.items() if name in START
    ]
    rows.append(
        ("20,000 unchanged files recognized, whole process", f"{fingerprint['unchanged']['median_s']} s", "0.2 s")
    )
    return "\n".join(["| what | measured | bar |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)])


BARS = {
    ("minilm", "clients 32"): "CPU ≤ 0.85×",
    ("small", "clients 32"): "≥ 4×, CPU ≤ 0.3×",
    ("small", "clients 1"): "≥ 1.5×",
    ("compact", "clients 32"): "≥ 4×, CPU ≤ 0.3×",
    ("compact", "clients 1"): "≥ 1.5×",
}
START = {"--help": "0.15 s", "run, nothing to do": "0.2 s"}


def main() -> None:
    page = ROOT / "README.md"
    text = page.read_text()
    for name, table in (("quality", quality()), ("speed", speed())):
        marked = f"<!-- {name} -->\n{table}\n<!-- /{name} -->"
        text = re.sub(
            rf"@{name.upper()}@|<!-- {name} -->.*?<!-- /{name} -->", lambda _, m=marked: m, text, flags=re.DOTALL
        )
    page.write_text(text)


if __name__ == "__main__":
    main()
