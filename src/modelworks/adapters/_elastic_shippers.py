"""Configurations of programs that read the record files and send them to Elasticsearch, each under its `event.id`.

Templates: `<<name>>` stands for a value."""

from __future__ import annotations

FILEBEAT = """\
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

PIPELINES = """\
# For pipelines.yml of Logstash. What Elasticsearch refuses for good goes to the queue, and from there to a file.
- pipeline.id: modelworks-<<namespace>>
  path.config: records.conf
  dead_letter_queue.enable: true
  dead_letter_queue.max_bytes: 256mb
- pipeline.id: modelworks-<<namespace>>-dead-letters
  path.config: dead-letters.conf
"""

LOGSTASH = """\
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

DEAD = """\
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

RSYSLOG = """\
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

FILES = {
    "filebeat.yml": FILEBEAT,
    "logstash/pipelines.yml": PIPELINES,
    "logstash/records.conf": LOGSTASH,
    "logstash/dead-letters.conf": DEAD,
    "rsyslog.conf": RSYSLOG,
}
