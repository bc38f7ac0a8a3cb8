"""Prometheus: what to scrape, recording and alert rules, and unit tests of the rules for promtool."""

from __future__ import annotations

from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import Facts, File, Target

_SCRAPE = """\
scrape_configs:
  - job_name: <<name>>
    scrape_interval: 15s
    metrics_path: /metrics
    static_configs:
      - targets: ["<<address>>"]
        labels: {model: <<name>>}
"""

_RULES = """\
groups:
  - name: modelworks-<<name>>-recording
    rules:
      - record: modelworks:requests:rate5m
        expr: sum by (job, model) (rate(modelworks_requests_total[5m]))
      - record: modelworks:errors:ratio5m          # answers 5xx, share of all
        expr: >-
          (sum by (job, model) (rate(modelworks_requests_total{status=~"5.."}[5m])) or modelworks:requests:rate5m * 0)
          / (modelworks:requests:rate5m > 0)
      - record: modelworks:latency:p95_5m          # seconds
        expr: >-
          histogram_quantile(0.95, sum by (job, model, le) (rate(modelworks_request_seconds_bucket[5m])))
      - record: modelworks:padding:ratio5m         # share of the model's work that is padding
        expr: >-
          1 - sum by (job, model) (rate(modelworks_length_useful_total[5m]))
          / (sum by (job, model) (rate(modelworks_length_padded_total[5m])) > 0)
  - name: modelworks-<<name>>-alerts
    rules:
      - alert: ModelDown
        expr: up{job="<<name>>"} == 0
        for: 1m
        labels: {severity: page}
        annotations:
          summary: "{{ $labels.instance }} does not answer"
          action: "look at its log; modelworks serve says on start what is wrong with a bundle"
      - alert: ModelErrors
        expr: modelworks:errors:ratio5m{job="<<name>>"} > <<errors>>
        for: 5m
        labels: {severity: page}
        annotations:
          summary: "{{ $value | humanizePercentage }} of the answers are errors"
          action: "modelworks release rollback, if it began with a release"
      - alert: ModelSlow
        expr: modelworks:latency:p95_5m{job="<<name>>"} > <<seconds>>
        for: 10m
        labels: {severity: ticket}
        annotations:
          summary: "95 % of the requests take up to {{ $value | humanizeDuration }}"
          action: "add replicas, or modelworks optimize for latency"
      - alert: ModelSaturated                       # 429: the queue is full
        expr: sum by (job, model) (rate(modelworks_rejected_total{job="<<name>>"}[5m])) > 0
        for: 5m
        labels: {severity: page}
        annotations:
          summary: "requests are refused because the queue is full or too slow"
          action: "add replicas; serve.queue and serve.deadline say how long a request may wait"
      - alert: ModelSwapFailed
        expr: increase(modelworks_swaps_total{job="<<name>>",result="failed"}[15m]) > 0
        labels: {severity: ticket}
        annotations:
          summary: "a release could not be opened; the last good model still answers"
          action: "modelworks bundle verify champion"
"""

_TESTS = """\
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    name: one request of ten fails
    input_series:
      - series: 'modelworks_requests_total{job="<<name>>",model="<<name>>",route="/predict",status="200"}'
        values: "0+540x20"
      - series: 'modelworks_requests_total{job="<<name>>",model="<<name>>",route="/predict",status="500"}'
        values: "0+60x20"
    promql_expr_test:
      - expr: modelworks:errors:ratio5m
        eval_time: 15m
        exp_samples: [{labels: 'modelworks:errors:ratio5m{job="<<name>>",model="<<name>>"}', value: 0.1}]
  - interval: 1m
    name: all is well, then the queue is full
    input_series:
      - series: 'up{job="<<name>>",instance="a:80"}'
        values: "1x40"
      - series: 'modelworks_requests_total{job="<<name>>",model="<<name>>",route="/predict",status="200"}'
        values: "0+600x40"
      - series: 'modelworks_rejected_total{job="<<name>>",model="<<name>>",reason="queue full"}'
        values: "0x20 0+30x20"
    alert_rule_test:
      - {alertname: ModelDown, eval_time: 15m, exp_alerts: []}
      - {alertname: ModelErrors, eval_time: 15m, exp_alerts: []}
      - {alertname: ModelSaturated, eval_time: 15m, exp_alerts: []}
      - alertname: ModelSaturated
        eval_time: 35m
        exp_alerts:
          - exp_labels: {job: <<name>>, model: <<name>>, severity: page}
            exp_annotations:
              summary: "requests are refused because the queue is full or too slow"
              action: "add replicas; serve.queue and serve.deadline say how long a request may wait"
  - interval: 1m
    name: the server goes away
    input_series:
      - series: 'up{job="<<name>>",instance="a:80"}'
        values: "1x5 0x10"
    alert_rule_test:
      - alertname: ModelDown
        eval_time: 10m
        exp_alerts:
          - exp_labels: {job: <<name>>, instance: "a:80", severity: page}
            exp_annotations:
              summary: "a:80 does not answer"
              action: "look at its log; modelworks serve says on start what is wrong with a bundle"
"""


def _files(facts: Facts) -> tuple[File, ...]:
    values = {"name": facts.name, **facts.options}
    top = head(facts, "prometheus") + "\n"
    parts = {"scrape.yml": _SCRAPE, "rules.yml": _RULES, "rules_test.yml": _TESTS}
    return tuple(
        File(path=f"deploy/prometheus/{name}", text=top + fill(text, **values)) for name, text in parts.items()
    )


TARGET = Target(
    name="prometheus",
    summary="Prometheus: scrape configuration, recording and alert rules with unit tests.",
    files=_files,
    options={"address": "127.0.0.1:8080", "errors": "0.05", "seconds": "1"},
    next_="promtool test rules deploy/prometheus/rules_test.yml; name rules.yml in prometheus.yml's rule_files.",
)
