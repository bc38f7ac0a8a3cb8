"""The Compose file of the target docker, and what its Prometheus scrapes."""

from __future__ import annotations

COMPOSE = """\
#   modelworks bundle export champion deploy/docker/bundle.zip
#   modelworks export docker prometheus grafana
#   docker compose --file deploy/docker/compose.yaml up --build --detach
# The doors of all four are open on this machine alone: put a proxy with TLS and passwords in front.
name: <<image>>

x-hardened: &hardened
  restart: unless-stopped
  read_only: true
  cap_drop: [ALL]
  security_opt: ["no-new-privileges:true"]
  logging:
    driver: json-file
    options: {max-size: 10m, max-file: "3"}

services:
  model:
    <<: *hardened
    image: ${MODEL_IMAGE:-<<image>>:latest}
    build:
      context: .
      args:
        BUNDLE: ${BUNDLE:-bundle.zip}
    ports: ["127.0.0.1:${MODEL_PORT:-8080}:8080"]
    stop_grace_period: <<grace>>s        # serve.deadline, and a little: what was accepted is answered
    mem_limit: 2g
    cpus: ${MODEL_CPUS:-0}               # 0: all there are
    pids_limit: 128

  mlflow:
    <<: *hardened
    image: <<mlflow>>
    command:
      - mlflow
      - server
      - --host=0.0.0.0
      - --port=5000
      - --workers=1
      - --backend-store-uri=sqlite:////mlflow/mlflow.db
      - --artifacts-destination=/mlflow/artifacts
    environment:
      HOME: /tmp
      MLFLOW_DISABLE_TELEMETRY: "true"
      # The Host headers that it answers: from here, and from other services of this file.
      MLFLOW_SERVER_ALLOWED_HOSTS: localhost:*,127.0.0.1:*,mlflow:5000
    volumes: ["mlflow:/mlflow"]
    tmpfs: [/tmp]
    ports: ["127.0.0.1:${MLFLOW_PORT:-5000}:5000"]
    healthcheck:
      test: [CMD, python, -c, "import urllib.request as r; r.urlopen('http://127.0.0.1:5000/health', timeout=4)"]
      interval: 10s
      timeout: 5s
      start_period: 60s
    mem_limit: 2g
    pids_limit: 256

  prometheus:
    <<: *hardened
    image: <<prometheus>>
    command:
      - --config.file=/etc/prometheus/prometheus.yml
      - --storage.tsdb.path=/prometheus
      - --storage.tsdb.retention.time=30d
    volumes:
      - ./prometheus.yml:/etc/prometheus/prometheus.yml:ro
      - ../prometheus:/etc/prometheus/rules:ro
      - prometheus:/prometheus
    ports: ["127.0.0.1:${PROMETHEUS_PORT:-9090}:9090"]
    healthcheck:
      test: [CMD, promtool, query, instant, "http://127.0.0.1:9090", "1"]
      interval: 10s
      timeout: 5s
      start_period: 30s
    mem_limit: 1g
    pids_limit: 128

  grafana:
    <<: *hardened
    image: <<grafana>>
    depends_on: [prometheus]
    environment:
      # Everybody on this machine may look; nobody can log in, so there is no password. All comes from files.
      GF_AUTH_ANONYMOUS_ENABLED: "true"
      GF_AUTH_ANONYMOUS_ORG_ROLE: Viewer
      GF_AUTH_DISABLE_LOGIN_FORM: "true"
      GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION: "true"
      GF_ANALYTICS_REPORTING_ENABLED: "false"
      GF_ANALYTICS_CHECK_FOR_UPDATES: "false"
    volumes:
      - ../grafana/provisioning:/etc/grafana/provisioning:ro
      - ../grafana/dashboards:/var/lib/grafana/dashboards:ro
      - grafana:/var/lib/grafana
    tmpfs: [/tmp]
    ports: ["127.0.0.1:${GRAFANA_PORT:-3000}:3000"]
    healthcheck:
      test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1:3000/api/health"]
      interval: 10s
      timeout: 5s
      start_period: 30s
    mem_limit: 512m
    pids_limit: 128

volumes:
  mlflow:
  prometheus:
  grafana:
"""

PROMETHEUS = """\
global:
  scrape_interval: 15s
  evaluation_interval: 15s
# Written by `modelworks export prometheus`; without it there are no rules.
rule_files: [/etc/prometheus/rules/rules.yml]
scrape_configs:
  - job_name: <<name>>
    static_configs:
      - targets: ["model:8080"]
        labels: {model: <<name>>}
"""
