"""Recording and alert rules of Prometheus. Every alert says what to do, with a command."""

from __future__ import annotations

RULES = """\
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
      - record: modelworks:queue:ratio              # share of the inputs that may wait or run
        expr: sum by (job, model) (modelworks_inputs_in_flight) / sum by (job, model) (modelworks_inputs_most)
      - record: modelworks:drift:avg15m            # population stability index, mean of the replicas
        expr: avg by (job, model, feature) (avg_over_time(modelworks_drift[15m]))
      - record: modelworks:drift_noise:avg15m      # what chance alone gives so few answers
        expr: avg by (job, model, feature) (avg_over_time(modelworks_drift_noise[15m]))
      - record: modelworks:quality_change:avg30m   # estimated from scores: no truth is known here
        expr: avg by (job, model) (avg_over_time(modelworks_quality_change_estimated[30m]))
  - name: modelworks-<<name>>-alerts
    rules:
      - alert: ModelDown
        expr: up{job="<<name>>"} == 0
        for: 1m
        labels: {severity: page}
        annotations:
          summary: "{{ $labels.instance }} does not answer"
          action: "look at its log; start it again: modelworks serve says what is wrong with a bundle"
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
          action: "add replicas, or make the model faster: modelworks optimize champion"
      - alert: ModelSaturated                       # 429: the queue is full
        expr: sum by (job, model) (rate(modelworks_rejected_total{job="<<name>>"}[5m])) > 0
        for: 5m
        labels: {severity: page}
        annotations:
          summary: "requests are refused because the queue is full or too slow"
          action: "add replicas or lanes (modelworks serve --lanes); serve.queue says how many may wait"
      - alert: ModelNearlyFull                      # before requests are refused
        expr: modelworks:queue:ratio{job="<<name>>"} > 0.8
        for: 5m
        labels: {severity: ticket}
        annotations:
          summary: "{{ $value | humanizePercentage }} of the inputs that may wait or run are there"
          action: "add replicas or lanes (modelworks serve --lanes) before requests are refused"
      - alert: ModelSwapFailed
        expr: increase(modelworks_swaps_total{job="<<name>>",result="failed"}[15m]) > 0
        labels: {severity: ticket}
        annotations:
          summary: "a release could not be opened; the last good model still answers"
          action: "modelworks bundle verify champion"
      - alert: ModelDrift
        expr: >-
          modelworks:drift:avg15m{job="<<name>>"} > <<drift>>
          and modelworks:drift:avg15m > modelworks:drift_noise:avg15m
        for: 10m
        labels: {severity: ticket}
        annotations:
          summary: '{{ $labels.feature }} moved away from the profile of the model: {{ printf "%.2f" $value }}'
          action: "label some of .modelworks/records, modelworks evaluate champion FILES, then modelworks run"
      - alert: ModelConstantOutput
        expr: >-
          max by (job, model) (modelworks_answers_distinct{job="<<name>>"}) == 1
          and min by (job, model) (modelworks_watched_answers{job="<<name>>"}) >= 200
          and max by (job, model) (modelworks_sizes_distinct{job="<<name>>"}) >= 10
        for: 5m
        labels: {severity: page}
        annotations:
          summary: "it gives the same answer to whatever it is asked"
          action: "modelworks bundle verify champion; modelworks release rollback, if it began with a release"
      - alert: ModelQualityDown
        expr: modelworks:quality_change:avg30m{job="<<name>>"} < -<<quality>>
        for: 10m
        labels: {severity: ticket}
        annotations:
          summary: "by its own scores it is right less often: {{ $value | humanizePercentage }} (an estimate)"
          action: "label some of .modelworks/records and measure: modelworks evaluate champion FILES"
      - alert: ModelStale
        expr: >-
          time() - max by (job, model) (modelworks_release_timestamp_seconds{job="<<name>>"}) > <<days>> * 86400
        for: 10m
        labels: {severity: ticket}
        annotations:
          summary: "the release that answers is {{ $value | humanizeDuration }} old"
          action: "modelworks run makes a release of the newest data; modelworks why release says why it would not"
"""
