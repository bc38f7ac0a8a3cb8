"""Kubernetes: a hardened Deployment with all around it, a canary, monitoring, a loop and Jobs, as Kustomize folders."""

from __future__ import annotations

import textwrap

from modelworks.adapters.targets import _kubernetes as objects
from modelworks.adapters.targets._gateway import route
from modelworks.adapters.targets._prometheus_rules import RULES
from modelworks.adapters.targets._text import claim, fill, head, number
from modelworks.contracts.target import Facts, File, Target

_BASE = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - deployment.yaml
  - service.yaml
  - autoscaler.yaml
  - disruption.yaml
  - network.yaml
<<route>>"""

_CANARY = """\
# Beside the base: another bundle behind the same Service. Its share is its share of the pods: `replicas` weighs it,
# unless a Gateway does (option `gateway`).
#   modelworks deploy kubernetes --set canary=20     # about 20 %; without the option it is promoted or removed
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - deployment.yaml
"""

_MONITORING = """\
# Needs the Prometheus operator's definitions.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - monitor.yaml
  - rules.yaml
"""

_RULES = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: <<name>>
  labels: {app.kubernetes.io/name: "<<name>>"}
spec:
"""

_LOOP = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - loop.yaml
"""

_STEPS = """\
# The Job that `engine: kubernetes` fills in for every step; volumes and accelerators go into an overlay of this folder.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - step.yaml
"""

_POD = """\
    spec:
      restartPolicy: Never
      automountServiceAccountToken: false
      enableServiceLinks: false
      securityContext:
        runAsNonRoot: true
        runAsUser: 1000
        runAsGroup: 1000
        fsGroup: 1000
        seccompProfile: {type: RuntimeDefault}
      volumes:
        - name: project                       # modelworks.yaml, data, .modelworks and modelworks.lock
          persistentVolumeClaim: {claimName: "<<claim>>"}
        - name: scratch
          emptyDir: {}
      containers:
        - name: work
          image: "<<training>>"
          workingDir: /project
          <<command>>
          env:
            - {name: HOME, value: /tmp}
          resources:
            requests: {cpu: "1", memory: "<<training_memory>>"}
            limits: {memory: "<<training_memory>>"}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          volumeMounts:
            - {name: project, mountPath: /project}
            - {name: scratch, mountPath: /tmp}
"""

_JOB = (
    """\
  backoffLimit: 2
  podFailurePolicy:
    rules:
      - action: FailJob                       # 1: the gate says no; again it would say the same
        onExitCodes: {containerName: work, operator: In, values: [1]}
      - action: Ignore                        # a drained node is no failure of the step
        onPodConditions: [{type: DisruptionTarget, status: "True"}]
  template:
    metadata:
      labels: {app.kubernetes.io/name: "<<name>>", app.kubernetes.io/component: training}
"""
    + _POD
)

_STEP = (
    """\
apiVersion: batch/v1
kind: Job
metadata:
  name: <<name>>-step
  labels: {app.kubernetes.io/name: "<<name>>", app.kubernetes.io/component: training}
spec:
  ttlSecondsAfterFinished: 86400
"""
    + _JOB
)

_CRON = """\
# The loop: what did not change is taken from the store, so a quiet night costs seconds.
apiVersion: batch/v1
kind: CronJob
metadata:
  name: <<name>>-loop
  labels: {app.kubernetes.io/name: "<<name>>", app.kubernetes.io/component: training}
spec:
  schedule: "<<schedule>>"
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 3600
  jobTemplate:
    spec:
"""


def _files(facts: Facts) -> tuple[File, ...]:
    counts = {option: number(facts, option) for option in ("least", "most", "queue")}
    base = {**facts.options, **counts, **objects.values(facts)}
    name = base["name"]
    base["image"] = facts.options["image"] or f"{name}:latest"
    base["claim"] = claim(facts)
    base["training"] = facts.options["training"] or f"{name}-train:latest"
    stable = {**base, "deployment": name, "track": "stable", "replicas": ""}
    canary = {**base, "deployment": f"{name}-canary", "track": "canary", "replicas": "  replicas: 1\n"}
    rules = _RULES + textwrap.indent(RULES, "  ")
    limits = {"errors": "0.05", "seconds": "1", "drift": "0.25", "quality": "0.05", "days": "90"}
    step = {**base, "command": 'command: ["python", "-m", "modelworks", "step", "prepare"]'}
    loop = {**base, "command": 'command: ["python", "-m", "modelworks", "run", "--engine", "plain"]'}
    way = route(facts, name)
    texts = {
        "base/kustomization.yaml": fill(_BASE, route="  - route.yaml\n" if way else ""),
        **({"base/route.yaml": way} if way else {}),
        "base/deployment.yaml": fill(objects.DEPLOYMENT, **stable),
        "base/service.yaml": fill(objects.SERVICE, **base),
        "base/autoscaler.yaml": fill(objects.SCALER, **base),
        "base/disruption.yaml": fill(objects.DISRUPTION, **base),
        "base/network.yaml": fill(objects.NETWORK, **base),
        "canary/kustomization.yaml": _CANARY,
        "canary/deployment.yaml": fill(objects.DEPLOYMENT, **canary),
        "monitoring/kustomization.yaml": _MONITORING,
        "monitoring/monitor.yaml": fill(objects.MONITOR, **base),
        "monitoring/rules.yaml": fill(rules, **limits, **base),
        "steps/kustomization.yaml": _STEPS,
        "steps/step.yaml": fill(_STEP, **step),
        "loop/kustomization.yaml": _LOOP,
        "loop/loop.yaml": fill(_CRON + textwrap.indent(_JOB, "    "), **loop),
    }
    top = head(facts, "kubernetes") + "\n"
    return tuple(File(path=f"deploy/kubernetes/{path}", text=top + text) for path, text in texts.items())


TARGET = Target(
    name="kubernetes",
    summary="Kubernetes: Deployment, Service, autoscaling, canary, monitoring, loop and Jobs, by Kustomize.",
    files=_files,
    options={
        "image": "", "pull": "IfNotPresent", "least": "2", "most": "10", "queue": "16", "cpu": "500m",
        "memory": "1Gi", "training": "", "training_memory": "8Gi", "claim": "", "schedule": "0 3 * * *", "gateway": "",
        "hostname": "",
    },
    next_="kubectl apply --server-side -k deploy/kubernetes/base, or modelworks deploy kubernetes",
)  # fmt: skip
