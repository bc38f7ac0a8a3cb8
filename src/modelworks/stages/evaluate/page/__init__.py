"""`report.html`: one self-contained file that opens from disk, without network, light and dark."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import msgspec

from modelworks.stages.evaluate.page import sections
from modelworks.stages.evaluate.page.sections import Data

HERE = Path(__file__).parent
SECTIONS = (
    sections.verdict, sections.tiles, sections.scores, sections.variants, sections.slices, sections.decisions,
    sections.robustness, sections.examples, sections.provenance,
)  # fmt: skip


def page(inputs: Mapping[str, Path], verdict: dict[str, Any]) -> str:
    """The page of a gate's inputs (candidate, champion, optimized, dataset: artifact folders) and its verdict."""
    candidate, none = inputs["candidate"], Path("/nonexistent")
    champion, optimized = inputs.get("champion", none), inputs.get("optimized", none)
    pareto = optimized / "pareto.svg"
    return render(
        Data(
            report=_json(candidate / "report.json", {}),
            verdict=verdict,
            champion=_json(champion / "report.json", None),
            variants=_json(optimized / "measurements.json", []),
            pareto=pareto.read_text("utf-8") if pareto.is_file() else "",
            examples=_json(candidate / "examples.json", {}),
            dataset=_json(inputs.get("dataset", none) / "dataset.json", {}),
        )
    )


def render(data: Data) -> str:
    """The whole document. Its policy allows no network and no script but its own, whatever an example holds."""
    script = (HERE / "script.js").read_text("utf-8")
    proof = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{proof}'"
    body = "\n".join(section(data) for section in SECTIONS)
    task = data.report["task"]
    return Template((HERE / "template.html").read_text("utf-8")).substitute(
        policy=policy, title=escape(f"{task}: {data.verdict['words'].partition(':')[0]}"), task=escape(task),
        heading=f"Bundle <code>{escape(data.report['bundle'][:12])}</code>", links=_links(body), body=body,
        style=(HERE / "style.css").read_text("utf-8"), script=script,
    )  # fmt: skip


def _links(body: str) -> str:
    found = re.findall(r'<section id="(\w+)" class="card"><h2>(.*?)</h2>', body)
    return "".join(f'<a href="#{name}">{title}</a>' for name, title in found)


def _json(path: Path, missing: Any) -> Any:
    return msgspec.json.decode(path.read_bytes()) if path.is_file() else missing
