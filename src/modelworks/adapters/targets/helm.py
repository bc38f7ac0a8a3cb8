"""Helm: the objects of Kubernetes as a chart, with values for what differs between places."""

from __future__ import annotations

import json
import re
from typing import Any

from modelworks.adapters.targets import _gateway
from modelworks.adapters.targets import _kubernetes as objects
from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import Facts, File, Target

_CHART = """\
apiVersion: v2
name: <<name>>
description: Answers over HTTP with modelworks
type: application
version: <<chart>>
appVersion: "1"
"""

_VALUES = """\
image:
  repository: "<<image>>"
  tag: latest                  # the first twelve letters of the bundle's id, as `modelworks deploy docker` tags
  digest: ""                   # sha256:…; comes before the tag
  pullPolicy: IfNotPresent
serve: '<<serve>>'
replicas:
  least: 2
  most: 10
  queue: "16"                  # inputs that wait or run in a pod; needs an adapter that offers the pods' metric
resources:
  cpu: 500m
  memory: 1Gi
canary:
  replicas: 0                  # its share of the answers is its share of all pods
  tag: ""
  weight: 0                    # with a gateway its share in per cent instead; raise it when its pods answer
gateway:
  name: ""                     # a Gateway (Gateway API v1) that leads to the pods
  namespace: ""                # where it is in another namespace
  hostnames: []
monitor: false                 # needs the Prometheus operator's definitions
"""

_IMAGE = """\
{{ .Values.image.repository }}\
{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag }}{{ end }}"""

_HELD = {
    "deployment": "{{ .Release.Name }}", "track": "stable", "image": _IMAGE, "pull": "{{ .Values.image.pullPolicy }}",
    "name": "{{ .Release.Name }}", "cpu": "{{ .Values.resources.cpu }}", "memory": "{{ .Values.resources.memory }}",
    "least": "{{ .Values.replicas.least }}", "most": "{{ .Values.replicas.most }}",
    "queue": "{{ .Values.replicas.queue }}", "serve": "{{ .Values.serve }}", "replicas": "",
}  # fmt: skip
_CANARY = {
    **_HELD, "deployment": "{{ .Release.Name }}-canary", "track": "canary",
    "image": "{{ .Values.image.repository }}:{{ .Values.canary.tag }}",
    "replicas": "  replicas: {{ .Values.canary.replicas }}\n",
}  # fmt: skip

_ROUTE = {
    **_HELD,
    "gateway": "{name: {{ .Values.gateway.name | quote }}"
    "{{ with .Values.gateway.namespace }}, namespace: {{ . | quote }}{{ end }}}",
    "hostnames": "{{ with .Values.gateway.hostnames }}  hostnames: {{ toJson . }}\n{{ end }}",
    "stable": "{{ sub 100 (int .Values.canary.weight) }}", "canary": "{{ .Values.canary.weight }}",
}  # fmt: skip

_NOTES = """\
{{- /* <<mark>> */ -}}
It answers in the cluster at http://{{ .Release.Name }}.{{ .Release.Namespace }}.svc
Another bundle: helm upgrade {{ .Release.Name }} --reuse-values --set image.tag=… --wait
Back: helm rollback {{ .Release.Name }} --wait
"""


def _only(condition: str, text: str) -> str:
    return f"{{{{- if {condition} }}}}\n{text}{{{{- end }}}}\n"


def _schema() -> dict[str, Any]:
    """What values.yaml may hold, so that a misspelt key is refused before anything is installed."""

    def table(**fields: Any) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": False, "properties": fields}

    text, count = {"type": "string"}, {"type": "integer", "minimum": 0}
    image = table(repository=text, tag=text, digest={"pattern": "^(sha256:[0-9a-f]{64})?$", **text}, pullPolicy=text)
    fields = {
        "image": image,
        "serve": text,
        "replicas": table(least={**count, "minimum": 1}, most={**count, "minimum": 1}, queue=text),
        "resources": table(cpu=text, memory=text),
        "canary": table(replicas=count, tag=text, weight={**count, "maximum": 100}),
        "gateway": table(name=text, namespace=text, hostnames={"type": "array", "items": text}),
        "monitor": {"type": "boolean"},
        "global": {"type": "object"},
    }
    return {"$schema": "http://json-schema.org/draft-07/schema#", **table(**fields)}


def _files(facts: Facts) -> tuple[File, ...]:
    own = objects.values(facts)
    image = facts.options["image"] or own["name"]
    held, canary = ({**own, **values} for values in (_HELD, _CANARY))
    parts = {
        "deployment": fill(objects.DEPLOYMENT, **held),
        "canary": _only(".Values.canary.replicas", fill(objects.DEPLOYMENT, **canary)),
        "service": fill(objects.SERVICE, **held),
        "autoscaler": fill(objects.SCALER, **held),
        "disruption": fill(objects.DISRUPTION, **held),
        "network": fill(objects.NETWORK, **held),
        "route": _only(".Values.gateway.name", fill(_gateway.DOCUMENTS, **{**own, **_ROUTE})),
        "monitor": _only(".Values.monitor", fill(objects.MONITOR, **held)),
    }
    top = head(facts, "helm") + "\n"
    chart = re.fullmatch(r".*==(.+)", facts.requirement)
    texts = {
        "Chart.yaml": fill(_CHART, name=own["name"], chart=chart[1] if chart else "0.0.0"),
        "values.yaml": fill(_VALUES, image=image, serve=own["serve"]),
        **{f"templates/{name}.yaml": text for name, text in parts.items()},
    }
    made = [File(path=f"deploy/helm/{path}", text=top + text) for path, text in texts.items()]
    notes = fill(_NOTES, mark=head(facts, "helm", "").strip().replace("\n", ""))
    schema = json.dumps(_schema(), indent=2) + "\n"
    return (
        *made,
        File(path="deploy/helm/templates/NOTES.txt", text=notes),
        File(path="deploy/helm/values.schema.json", text=schema),
    )


TARGET = Target(
    name="helm",
    summary="Helm: a chart of the hardened Deployment with Service, autoscaling, canary and monitor.",
    files=_files,
    options={"image": ""},
    next_="helm upgrade --install NAME deploy/helm --set image.tag=… --wait",
)
