"""Elastic: data streams and their lifecycle, shippers that read the records (Filebeat, Logstash, rsyslog), Kibana."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from modelworks.adapters import _elastic, _elastic_kibana, _elastic_shippers
from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import MARK, Facts, File, Target

_SETUP = """\
#!/bin/sh
<<head>># Installs what lies beside it; again it changes nothing. Variables: ELASTICSEARCH_URL, ELASTICSEARCH_API_KEY (
# the encoded form), KIBANA_URL (no Kibana when it is empty), CURL_CA_BUNDLE (a certificate of one's own).
set -eu
cd "$(dirname "$0")"
elasticsearch=${ELASTICSEARCH_URL:-<<url>>} kibana=${KIBANA_URL-<<kibana>>}

ask() {  # the key goes through standard input: arguments can be seen by everybody
    { [ -z "${ELASTICSEARCH_API_KEY:-}" ] || echo "header = \\"authorization: ApiKey $ELASTICSEARCH_API_KEY\\""; } |
        curl --config - --silent --show-error --fail-with-body --max-time 60 "$@" || { echo >&2; exit 1; }
    echo
}
put() { ask -X PUT -H 'content-type: application/json' --data-binary "@$2" "$elasticsearch/$1"; }

[ ! -f lifecycle.json ] || put "_ilm/policy/<<policy>>" lifecycle.json
put "_component_template/<<base>>@mappings" component-template.json
put "_index_template/<<base>>" index-template.json
[ -z "$kibana" ] ||
    ask -X POST -H 'kbn-xsrf: modelworks' --form file=@kibana.ndjson "$kibana/api/saved_objects/_import?overwrite=true"
"""


def _files(facts: Facts) -> tuple[File, ...]:
    options = facts.options
    sink = facts.settings.get("serve", {}).get("sinks", {}).get("elasticsearch", {})
    stream = options["data_stream"] or sink.get("data_stream") or _elastic.data_stream(facts.name)
    name = _elastic.namespace(facts.name)
    values = {
        **options, "namespace": name, "stream": stream, "server": _elastic.data_stream(facts.name, _elastic.SERVER),
        "base": f"modelworks-{name}", "tls": str(urlsplit(options["url"]).scheme == "https").lower(),
    }  # fmt: skip
    top = head(facts, "elastic")
    written = [
        File(path=f"deploy/elastic/{path}", text=top + fill(text, **values))
        for path, text in _elastic_shippers.FILES.items()
    ]
    kibana = _elastic_kibana.objects(facts.name, stream, f"{MARK} elastic`")
    setup = File(path="deploy/elastic/setup", text=fill(_SETUP, head=top, **values), executable=True)
    return (*_templates(values), *written, File(path="deploy/elastic/kibana.ndjson", text=kibana), setup)


def _templates(values: Mapping[str, str]) -> tuple[File, ...]:
    parts = {"component-template": _component(), "index-template": _index(values)}
    if values["policy"]:
        parts["lifecycle"] = _policy(values)
    return tuple(
        File(path=f"deploy/elastic/{name}.json", text=json.dumps(part, indent=2) + "\n") for name, part in parts.items()
    )


_META = {"managed_by": f"{MARK} elastic`"}


def _component() -> dict[str, Any]:
    return {"template": {"mappings": _elastic.mappings()}, "_meta": _META}


def _index(values: Mapping[str, str]) -> dict[str, Any]:
    settings = {
        "number_of_shards": 1, "number_of_replicas": values["replicas"], "codec": "best_compression",
        "refresh_interval": "5s", "mapping": {"total_fields": {"ignore_dynamic_beyond_limit": True}},
    }  # fmt: skip
    template: dict[str, Any] = {"settings": {"index": settings}}
    if values["policy"]:
        settings["lifecycle"] = {"name": values["policy"]}
    else:
        template["lifecycle"] = {"data_retention": values["retention"]}
    return {
        "index_patterns": sorted({values["stream"], values["server"]}),
        "data_stream": {},
        "priority": 500,  # above Elastic's own for logs-*-*
        "composed_of": [f"{values['base']}@mappings"],
        "template": template,
        "_meta": _META,
    }


def _policy(values: Mapping[str, str]) -> dict[str, Any]:
    rollover = {"max_primary_shard_size": "50gb", "max_age": "30d"}
    phases = {
        "hot": {"actions": {"rollover": rollover}},
        "delete": {"min_age": values["retention"], "actions": {"delete": {}}},
    }
    return {"policy": {"_meta": _META, "phases": phases}}


TARGET = Target(
    name="elastic",
    summary="Elasticsearch, Logstash, Kibana: data streams, lifecycle, shippers, a dashboard.",
    files=_files,
    options={
        "url": "http://127.0.0.1:9200", "kibana": "http://127.0.0.1:5601", "data_stream": "", "retention": "90d",
        "replicas": "1", "policy": "", "records": "/srv/modelworks/.modelworks/records",
        "log": "/var/log/modelworks/serve.jsonl",
    },
    next_="ELASTICSEARCH_API_KEY=… deploy/elastic/setup; then serve.sinks.elasticsearch, or one of the shippers.",
)  # fmt: skip
