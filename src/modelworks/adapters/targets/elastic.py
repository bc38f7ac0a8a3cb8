"""Elastic: data streams and their lifecycle, shippers that read the records (Filebeat, Logstash, rsyslog), Kibana."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from modelworks.adapters import _elastic, _elastic_kibana
from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import MARK, Facts, File, Target

_FILEBEAT = """\
# Keeps where it is in its own registry; `_id` makes a record that is sent twice arrive once.
filebeat.inputs:
  - type: filestream
    id: modelworks-records-<<namespace>>
    paths: ["<<records>>/records-*.jsonl"]
    index: <<stream>>
    parsers:
      - ndjson: {target: "", overwrite_keys: true, add_error_key: true}
    processors:
      - copy_fields:
          fields: [{from: event.id, to: "@metadata._id"}]
          fail_on_error: false
          ignore_missing: true
  - type: filestream                # modelworks serve --log-format ecs 2>> <<log>>
    id: modelworks-server-<<namespace>>
    paths: ["<<log>>"]
    index: <<server>>
    parsers:
      - ndjson: {target: "", overwrite_keys: true, add_error_key: true}
setup.template.enabled: false       # deploy/elastic/setup has installed it
setup.ilm.enabled: false
output.elasticsearch:
  hosts: ["<<url>>"]
  api_key: "${FILEBEAT_API_KEY}"    # Beats want `id:key`, not the encoded form that ELASTICSEARCH_API_KEY has
"""

_PIPELINES = """\
# For pipelines.yml of Logstash. What Elasticsearch refuses for good goes to the queue, and from there to a file.
- pipeline.id: modelworks-<<namespace>>
  path.config: records.conf
  dead_letter_queue.enable: true
  dead_letter_queue.max_bytes: 256mb
- pipeline.id: modelworks-<<namespace>>-dead-letters
  path.config: dead-letters.conf
"""

_LOGSTASH = """\
input {
  file {
    path => "<<records>>/records-*.jsonl"
    mode => "tail"
    start_position => "beginning"
    codec => json { ecs_compatibility => "v8" }
  }
}
filter {
  if ![event][id] {
    fingerprint { source => ["message"] target => "[event][id]" method => "SHA256" }
  }
}
output {
  elasticsearch {
    hosts => ["<<url>>"]
    api_key => "${LOGSTASH_API_KEY}"    # `id:key`
    ssl_enabled => <<tls>>
    index => "<<stream>>"
    action => "create"                  # a record that is there already is left alone
    document_id => "%{[event][id]}"
    data_stream => "false"              # "true" allows no document_id
    manage_template => false
    ilm_enabled => false
  }
}
"""

_DEAD = """\
input {
  dead_letter_queue {
    path => "${LOGSTASH_DEAD_LETTERS:/var/lib/logstash/dead_letter_queue}"
    pipeline_id => "modelworks-<<namespace>>"
    commit_offsets => true
    clean_consumed => true
  }
}
filter {
  mutate { copy => { "[@metadata][dead_letter_queue][reason]" => "[error][message]" } }
}
output {
  file {
    path => "<<records>>/dead/logstash.jsonl"
    codec => json_lines
  }
}
"""

_RSYSLOG = """\
# rsyslogd -f this file, or in /etc/rsyslog.d. Debian: rsyslog rsyslog-elasticsearch.
module(load="imfile")
module(load="mmjsonparse")
module(load="omelasticsearch")
template(name="modelworks-line" type="string" string="%msg%")
template(name="modelworks-id" type="string" string="%$!event!id%")
input(type="imfile" file="<<records>>/records-*.jsonl" tag="modelworks:" ruleset="modelworks-records"
      readMode="0" reopenOnTruncate="on")
ruleset(name="modelworks-records"
        queue.type="linkedList" queue.filename="modelworks-records" queue.saveOnShutdown="on" queue.maxDiskSpace="1g") {
  action(type="mmjsonparse" cookie="")
  action(type="omelasticsearch" server=["<<url>>"] searchIndex="<<stream>>" searchType=""
         template="modelworks-line" bulkmode="on" writeoperation="create" bulkid="modelworks-id" dynbulkid="on"
         maxbytes="4m" errorfile="<<records>>/refused-by-rsyslog.jsonl" action.resumeRetryCount="-1")
}
"""

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
    texts = {
        "filebeat.yml": _FILEBEAT, "logstash/pipelines.yml": _PIPELINES, "logstash/records.conf": _LOGSTASH,
        "logstash/dead-letters.conf": _DEAD, "rsyslog.conf": _RSYSLOG,
    }  # fmt: skip
    written = [File(path=f"deploy/elastic/{path}", text=top + fill(text, **values)) for path, text in texts.items()]
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
        "number_of_shards": 1, "number_of_replicas": int(values["replicas"]), "codec": "best_compression",
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
