"""Kibana's saved objects: a data view, Lens charts, a dashboard of them. Written for 8.9 and later, which migrate them
on import."""

from __future__ import annotations

import json
from typing import Any

Column = dict[str, Any]
_CORE, _LENS, _DASHBOARD, _VIEW = "8.8.0", "8.9.0", "8.9.0", "8.0.0"
"""Versions of the objects' forms."""
_EMPTY = {"query": {"query": "", "language": "kuery"}}


def _time(interval: str) -> Column:
    return {
        "label": "@timestamp", "dataType": "date", "operationType": "date_histogram", "sourceField": "@timestamp",
        "isBucketed": True, "scale": "interval",
        "params": {"interval": interval, "includeEmptyRows": True, "dropPartials": False},
    }  # fmt: skip


def _terms(field: str, label: str, size: int = 10) -> Column:
    return {
        "label": label, "customLabel": True, "dataType": "string", "operationType": "terms", "sourceField": field,
        "isBucketed": True, "scale": "ordinal",
        "params": {
            "size": size, "orderBy": {"type": "column", "columnId": "a"}, "orderDirection": "desc",
            "otherBucket": True, "missingBucket": False, "parentFormat": {"id": "terms"},
        },
    }  # fmt: skip


def _number(operation: str, field: str, label: str, **params: Any) -> Column:
    return {
        "label": label, "customLabel": True, "dataType": "number", "operationType": operation, "sourceField": field,
        "isBucketed": False, "scale": "ratio", "params": {"emptyAsNull": True, **params},
    }  # fmt: skip


def _count(label: str) -> Column:
    return _number("count", "___records___", label)


def _percentile(field: str, percentile: int, label: str) -> Column:
    return _number("percentile", field, label, percentile=percentile)


_LABEL, _SCORE = "modelworks.prediction.label", "modelworks.prediction.score"
_SIZE, _DURATION = "modelworks.input.size", "event.duration"
_CHARTS: dict[str, tuple[str, str, dict[str, Column]]] = {
    # name: (title, form, columns: x over time, s splits, the rest are figures)
    "answers": ("Answers", "metric", {"a": _count("Answers")}),
    "surest": ("Mean confidence", "metric", {"a": _number("average", _SCORE, "Mean confidence")}),
    "volume": (
        "Answers by release", "bar_stacked",
        {"x": _time("auto"), "s": _terms("service.version", "Release"), "a": _count("Answers")},
    ),
    "latency": (
        "Latency of a request (ns)", "line",
        {"x": _time("auto"), "a": _percentile(_DURATION, 50, "median"), "b": _percentile(_DURATION, 95, "95 %"),
         "c": _percentile(_DURATION, 99, "99 %")},
    ),
    "labels": ("Predictions", "bar_horizontal", {"x": _terms(_LABEL, "Label", 20), "a": _count("Answers")}),
    "confidence": (
        "Confidence", "line",
        {"x": _time("auto"), "a": _number("average", _SCORE, "mean"), "b": _percentile(_SCORE, 10, "10 %")},
    ),
    "drift-labels": (
        "Drift: share of labels by day", "area_percentage_stacked",
        {"x": _time("1d"), "s": _terms(_LABEL, "Label"), "a": _count("Answers")},
    ),
    "drift-size": (
        "Drift: size of inputs by day", "line",
        {"x": _time("1d"), "a": _percentile(_SIZE, 50, "median"), "b": _percentile(_SIZE, 95, "95 %")},
    ),
    "drift-score": (
        "Drift: confidence by day", "line",
        {"x": _time("1d"), "a": _percentile(_SCORE, 50, "median"), "b": _percentile(_SCORE, 10, "10 %")},
    ),
}  # fmt: skip
_GRID = {
    "answers": (0, 0, 12, 6), "surest": (0, 6, 12, 6), "volume": (12, 0, 36, 12), "latency": (0, 12, 24, 12),
    "labels": (24, 12, 24, 12), "confidence": (0, 24, 24, 12), "drift-labels": (24, 24, 24, 12),
    "drift-size": (0, 36, 24, 12), "drift-score": (24, 36, 24, 12),
}  # fmt: skip
"""x, y, width, height in a grid of 48 columns."""


def objects(project: str, stream: str, about: str) -> str:
    """The lines of an ndjson file."""
    view = f"modelworks-{project}"
    parts = [_view(view, stream, project), *(_chart(view, name, project) for name in _CHARTS)]
    return "".join(f"{json.dumps(one)}\n" for one in [*parts, _dashboard(view, project, about)])


def _saved(kind: str, id: str, version: str, attributes: dict[str, Any], references: list[dict[str, str]]) -> Any:
    return {
        "type": kind, "id": id, "attributes": attributes, "references": references, "managed": False,
        "coreMigrationVersion": _CORE, "typeMigrationVersion": version,
    }  # fmt: skip


def _view(view: str, stream: str, project: str) -> Any:
    attributes = {"title": stream, "name": f"Modelworks records: {project}", "timeFieldName": "@timestamp"}
    return _saved("index-pattern", view, _VIEW, attributes, [])


def _chart(view: str, name: str, project: str) -> Any:
    title, form, columns = _CHARTS[name]
    layer = {"columnOrder": list(columns), "columns": columns, "incompleteColumns": {}}
    attributes = {
        "title": f"[Modelworks {project}] {title}",
        "description": "",
        "visualizationType": "lnsMetric" if form == "metric" else "lnsXY",
        "state": {
            **_EMPTY, "filters": [], "internalReferences": [], "adHocDataViews": {},
            "datasourceStates": {"formBased": {"layers": {"layer": layer}}, "textBased": {"layers": {}}},
            "visualization": _metric() if form == "metric" else _xy(form, columns),
        },
    }  # fmt: skip
    reference = {"type": "index-pattern", "id": view, "name": "indexpattern-datasource-layer-layer"}
    return _saved("lens", f"{view}-{name}", _LENS, attributes, [reference])


def _metric() -> dict[str, Any]:
    return {"layerId": "layer", "layerType": "data", "metricAccessor": "a"}


def _xy(form: str, columns: dict[str, Column]) -> dict[str, Any]:
    layer = {
        "layerId": "layer", "layerType": "data", "seriesType": form, "xAccessor": "x",
        "accessors": [name for name, column in columns.items() if not column["isBucketed"]],
        **({"splitAccessor": "s"} if "s" in columns else {}),
    }  # fmt: skip
    return {
        "preferredSeriesType": form, "layers": [layer], "valueLabels": "hide", "fittingFunction": "None",
        "legend": {"isVisible": True, "position": "right"},
    }  # fmt: skip


def _dashboard(view: str, project: str, about: str) -> Any:
    panels = [
        {
            "type": "lens", "panelIndex": name, "panelRefName": f"panel_{name}",
            "embeddableConfig": {"enhancements": {}}, "gridData": {"x": x, "y": y, "w": w, "h": h, "i": name},
        }
        for name, (x, y, w, h) in _GRID.items()
    ]  # fmt: skip
    options = {"useMargins": True, "syncColors": False, "syncCursor": True, "syncTooltips": False}
    attributes = {
        "title": f"Modelworks: {project}", "description": about, "timeRestore": True, "timeFrom": "now-7d",
        "timeTo": "now", "refreshInterval": {"pause": True, "value": 60000}, "panelsJSON": json.dumps(panels),
        "optionsJSON": json.dumps(options),
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps({**_EMPTY, "filter": []})},
    }  # fmt: skip
    references = [{"type": "lens", "id": f"{view}-{name}", "name": f"{name}:panel_{name}"} for name in _GRID]
    return _saved("dashboard", f"{view}-dashboard", _DASHBOARD, attributes, references)
