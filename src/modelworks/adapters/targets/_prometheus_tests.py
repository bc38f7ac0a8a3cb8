"""Unit tests of the rules for promtool: what fires, when, and what does not."""

from __future__ import annotations

TESTS = """\
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
              action: "add replicas or lanes (modelworks serve --lanes); serve.queue says how many may wait"
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
              action: "look at its log; start it again: modelworks serve says what is wrong with a bundle"
  - interval: 1m
    name: the queue fills, and is not full yet
    input_series:
      - series: 'modelworks_inputs_in_flight{job="<<name>>",model="<<name>>",instance="a:80"}'
        values: "10x10 900x20"
      - series: 'modelworks_inputs_most{job="<<name>>",model="<<name>>",instance="a:80"}'
        values: "1000x30"
    alert_rule_test:
      - {alertname: ModelNearlyFull, eval_time: 9m, exp_alerts: []}
      - alertname: ModelNearlyFull
        eval_time: 20m
        exp_alerts:
          - exp_labels: {job: <<name>>, model: <<name>>, severity: ticket}
            exp_annotations:
              summary: "90% of the inputs that may wait or run are there"
              action: "add replicas or lanes (modelworks serve --lanes) before requests are refused"
  - interval: 1m
    name: one feature drifts, one moves no more than chance moves it, one has little moved
    input_series:
      - series: 'modelworks_drift{job="<<name>>",model="<<name>>",instance="a:80",feature="size"}'
        values: "0.05x10 500x40"
      - series: 'modelworks_drift_noise{job="<<name>>",model="<<name>>",instance="a:80",feature="size"}'
        values: "0.1x50"
      - series: 'modelworks_drift{job="<<name>>",model="<<name>>",instance="a:80",feature="labels"}'
        values: "500x50"
      - series: 'modelworks_drift_noise{job="<<name>>",model="<<name>>",instance="a:80",feature="labels"}'
        values: "600x50"
      - series: 'modelworks_drift{job="<<name>>",model="<<name>>",instance="a:80",feature="score"}'
        values: "0.001x50"
      - series: 'modelworks_drift_noise{job="<<name>>",model="<<name>>",instance="a:80",feature="score"}'
        values: "0.0001x50"
    alert_rule_test:
      - {alertname: ModelDrift, eval_time: 9m, exp_alerts: []}
      - alertname: ModelDrift
        eval_time: 45m
        exp_alerts:
          - exp_labels: {job: <<name>>, model: <<name>>, feature: size, severity: ticket}
            exp_annotations:
              summary: "size moved away from the profile of the model: 500.00"
              action: "label some of .modelworks/records, modelworks evaluate champion FILES, then modelworks run"
  - interval: 1m
    name: one answer to all, then the same of inputs that are all alike, as a probe sends them
    input_series:
      - series: 'modelworks_answers_distinct{job="<<name>>",model="<<name>>",instance="a:80"}'
        values: "3x10 1x40"
      - series: 'modelworks_watched_answers{job="<<name>>",model="<<name>>",instance="a:80"}'
        values: "400x50"
      - series: 'modelworks_sizes_distinct{job="<<name>>",model="<<name>>",instance="a:80"}'
        values: "60x30 1x20"
    alert_rule_test:
      - {alertname: ModelConstantOutput, eval_time: 10m, exp_alerts: []}
      - alertname: ModelConstantOutput
        eval_time: 25m
        exp_alerts:
          - exp_labels: {job: <<name>>, model: <<name>>, severity: page}
            exp_annotations:
              summary: "it gives the same answer to whatever it is asked"
              action: "modelworks bundle verify champion; modelworks release rollback, if it began with a release"
      - {alertname: ModelConstantOutput, eval_time: 40m, exp_alerts: []}
  - interval: 1m
    name: it becomes less sure
    input_series:
      - series: 'modelworks_quality_change_estimated{job="<<name>>",model="<<name>>",instance="a:80"}'
        values: "0x20 -0.9x60"
    alert_rule_test:
      - {alertname: ModelQualityDown, eval_time: 19m, exp_alerts: []}
      - alertname: ModelQualityDown
        eval_time: 75m
        exp_alerts:
          - exp_labels: {job: <<name>>, model: <<name>>, severity: ticket}
            exp_annotations:
              summary: "by its own scores it is right less often: -90% (an estimate)"
              action: "label some of .modelworks/records and measure: modelworks evaluate champion FILES"
  - interval: 1m
    name: nobody released anything for long
    input_series:
      - series: 'modelworks_release_timestamp_seconds{job="<<name>>",model="<<name>>",instance="a:80"}'
        values: "<<almost>>x150"
    alert_rule_test:
      - {alertname: ModelStale, eval_time: 50m, exp_alerts: []}
      - alertname: ModelStale
        eval_time: 2h
        exp_alerts:
          - exp_labels: {job: <<name>>, model: <<name>>, severity: ticket}
            exp_annotations:
              summary: "the release that answers is <<days>>d 1h 0m 0s old"
              action: "modelworks run makes a release of the newest data; modelworks why release says why it would not"
"""
