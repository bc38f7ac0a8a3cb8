"""The model card: README.md in the hub's format (YAML front matter, then Markdown), made from the manifest alone.

Like all of a bundle it holds no times and no id: it is hashed itself. Front matter follows
https://github.com/huggingface/hub-docs/blob/main/modelcard.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from modelworks.bundle.manifest import Draft
from modelworks.kinds.base import named

NAME = "README.md"


def render(draft: Draft, scores: Mapping[str, Any]) -> str:
    """The card's text. `scores`: metric -> {value, low, high, signature}, as in report.json."""
    import yaml

    front = yaml.safe_dump(_front(draft, scores), sort_keys=False, allow_unicode=True)
    parts = [f"---\n{front}---\n\n# {_line(draft.name)}", _about(draft), _use(), _scores(scores), _limits(draft)]
    parts += [_licences(draft), _provenance(draft)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front(draft: Draft, scores: Mapping[str, Any]) -> dict[str, Any]:
    licences = {item.licence.lower() for item in draft.licences}
    front: dict[str, Any] = {
        "library_name": "modelworks",
        "license": licences.pop() if len(licences) == 1 else "other",
        "tags": ["modelworks", "onnx", draft.task],
    }
    pipeline = named(draft.input).pipeline.get(draft.prediction)
    if pipeline:
        front["pipeline_tag"] = pipeline
    if scores:
        results = [{"type": name, "value": score["value"]} for name, score in scores.items()]
        task = {"type": pipeline or draft.task}
        dataset = {"type": "private", "name": str(draft.provenance.get("dataset", "test split"))}
        front["model-index"] = [
            {"name": draft.name, "results": [{"task": task, "dataset": dataset, "metrics": results}]}
        ]
    return front


def _about(draft: Draft) -> str:
    made = f", variant *{draft.variant}* of bundle `{draft.parent}`" if draft.parent else ""
    lines = [f"A Modelworks bundle for **{draft.task}**{made}: {draft.input} in, {draft.prediction} out."]
    if draft.labels:
        shown = ", ".join(f"`{_line(label)}`" for label in draft.labels[:50])
        lines.append(f"It knows {len(draft.labels)} labels: {shown}{' …' if len(draft.labels) > 50 else ''}.")
    return "\n\n".join(lines)


def _use() -> str:
    return (
        "## Use\n\n```\nmodelworks predict --bundle . INPUT\nmodelworks serve .\n```\n\n```python\n"
        'from modelworks.bundle import Predictor\n\npredictor = Predictor.open(".")\n```'
    )


def _scores(scores: Mapping[str, Any]) -> str:
    if not scores:
        return ""
    rows = [
        f"| {name} | {s['value']:.4f} | {_interval(s)} | `{s.get('signature', '')}` |" for name, s in scores.items()
    ]
    return "\n".join(["## Scores", "", "| metric | value | interval | signature |", "|---|---|---|---|", *rows])


def _interval(score: Mapping[str, Any]) -> str:
    return f"{score['low']:.4f} to {score['high']:.4f}" if "low" in score and "high" in score else ""


def _limits(draft: Draft) -> str:
    cls = named(draft.input)
    units = msgspec.convert(cls.sample, cls).extents() if cls.sample else ()
    said = " and ".join(f"{getattr(draft.limits, f'max_{unit}'):,} {unit}" for unit in units)
    return f"## Limits\n\nAn input holds at most {said}; a larger one is refused." if said else ""


def _licences(draft: Draft) -> str:
    if not draft.licences:
        return ""
    rows = [f"| {_line(item.what)} | {_line(item.licence)} | {_line(item.source)} |" for item in draft.licences]
    return "\n".join(["## Licences", "", "| what | licence | source |", "|---|---|---|", *rows])


def _provenance(draft: Draft) -> str:
    if not draft.provenance:
        return ""
    rows = [f"| {_line(str(key))} | {_line(str(value))} |" for key, value in sorted(draft.provenance.items())]
    return "\n".join(["## Provenance", "", "| | |", "|---|---|", *rows])


def _line(text: str) -> str:
    """Safe inside a line or table cell of Markdown."""
    return " ".join(text.split()).replace("|", "\\|").replace("`", "'").replace("<", "&lt;")
