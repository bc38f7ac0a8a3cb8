"""What the sink and the exported files both know of Elasticsearch: the data streams of a project, and their fields.

Fields have core types alone, which every distribution has. What the Elastic Common Schema has no field for is under
`modelworks`.
"""

from __future__ import annotations

import re
from typing import Any

RECORDS, SERVER = "modelworks.records", "modelworks.server"
"""Data sets: records of answers, and the server's log."""


def namespace(project: str) -> str:
    """A project's name by Elastic's rules for namespaces: lower case, no dash."""
    return re.sub("[^a-z0-9_]", "_", project.lower())


def data_stream(project: str, dataset: str = RECORDS) -> str:
    """`logs-<dataset>-<namespace>`, Elastic's naming scheme."""
    return f"logs-{dataset}-{namespace(project)}"


_KEYWORD = {"type": "keyword", "ignore_above": 1024}
_LONG = {"type": "long"}
_TEXT = {"type": "text", "norms": False}
FIELDS: dict[str, dict[str, Any]] = {
    "@timestamp": {"type": "date"},
    "message": _TEXT,
    "ecs.version": _KEYWORD,
    "event.id": _KEYWORD,
    "event.kind": _KEYWORD,
    "event.category": _KEYWORD,
    "event.type": _KEYWORD,
    "event.action": _KEYWORD,
    "event.module": _KEYWORD,
    "event.dataset": _KEYWORD,
    "event.outcome": _KEYWORD,
    "event.duration": _LONG,
    "http.request.id": _KEYWORD,
    "http.request.method": _KEYWORD,
    "http.request.body.bytes": _LONG,
    "http.response.status_code": _LONG,
    "url.path": _KEYWORD,
    "host.name": _KEYWORD,
    "process.pid": _LONG,
    "service.type": _KEYWORD,
    "service.name": _KEYWORD,
    "service.version": _KEYWORD,
    "log.level": _KEYWORD,
    "log.logger": _KEYWORD,
    "error.type": _KEYWORD,
    "error.message": _TEXT,
    "error.stack_trace": _TEXT,
    "modelworks.bundle": _KEYWORD,
    "modelworks.position": _LONG,
    "modelworks.input.kind": _KEYWORD,
    "modelworks.input.sha256": _KEYWORD,
    "modelworks.input.size": _LONG,
    # values differ with the kind: they are kept as they came, and the text of an input can be searched
    "modelworks.input.value": {"type": "object", "dynamic": False, "properties": {"text": _TEXT}},
    "modelworks.prediction.kind": _KEYWORD,
    "modelworks.prediction.label": _KEYWORD,
    "modelworks.prediction.score": {"type": "float"},
    "modelworks.prediction.value": {"type": "object", "enabled": False},
    "modelworks.log.dropped": _LONG,
}


def mappings() -> dict[str, Any]:
    """FIELDS as Elasticsearch has them: nested; further strings become keywords."""
    root: dict[str, Any] = {}
    for name, field in FIELDS.items():
        *path, last = name.split(".")
        place = root
        for part in path:
            place = place.setdefault(part, {"properties": {}})["properties"]
        place[last] = field
    others = {"strings": {"match_mapping_type": "string", "mapping": _KEYWORD}}
    return {"date_detection": False, "dynamic_templates": [others], "properties": root}
