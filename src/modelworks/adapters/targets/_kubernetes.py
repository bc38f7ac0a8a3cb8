"""Objects of Kubernetes that the targets kubernetes, helm and kserve share: texts, and values for them."""

from __future__ import annotations

import json

from modelworks.contracts.target import Facts

CONTAINER = """\
          env:
            - name: MODELWORKS_SERVE          # the section `serve` of modelworks.yaml
              value: '<<serve>>'
          ports:
            - {name: http, containerPort: 8080, protocol: TCP}
          startupProbe:                       # the bundle is verified and tried first
            httpGet: {path: /readyz, port: http}
            periodSeconds: 1
            failureThreshold: 120
            timeoutSeconds: 5
          readinessProbe:                     # 503 while it drains
            httpGet: {path: /readyz, port: http}
            periodSeconds: 2
            timeoutSeconds: 5
          livenessProbe:
            httpGet: {path: /livez, port: http}
            periodSeconds: 10
            timeoutSeconds: 5
          resources:
            requests: {cpu: "<<cpu>>", memory: "<<memory>>"}
            limits: {memory: "<<memory>>"}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          volumeMounts:
            - {name: scratch, mountPath: /tmp}
"""

DEPLOYMENT = (
    """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: <<deployment>>
  labels: {app.kubernetes.io/name: "<<name>>", app.kubernetes.io/component: model, modelworks/track: <<track>>}
spec:
<<replicas>>  revisionHistoryLimit: 10
  progressDeadlineSeconds: 300
  strategy:                                 # what answers goes only when something new answers
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  selector:
    matchLabels: {app.kubernetes.io/name: "<<name>>", modelworks/track: <<track>>}
  template:
    metadata:
      labels: {app.kubernetes.io/name: "<<name>>", app.kubernetes.io/component: model, modelworks/track: <<track>>}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: <<grace>>
      securityContext:
        runAsNonRoot: true
        runAsUser: 1000
        runAsGroup: 1000
        seccompProfile: {type: RuntimeDefault}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {app.kubernetes.io/name: "<<name>>"}
      volumes:
        - name: scratch
          emptyDir: {sizeLimit: 1Gi}
      containers:
        - name: model
          image: "<<image>>"
          imagePullPolicy: <<pull>>
          lifecycle:                          # the Service forgets the pod before SIGTERM ends its listening
            preStop: {sleep: {seconds: 5}}
"""
    + CONTAINER
)

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: <<name>>
  labels: {app.kubernetes.io/name: "<<name>>", app.kubernetes.io/component: model}
spec:
  selector:                                 # every track, so that replicas weigh a canary
    app.kubernetes.io/name: "<<name>>"
    app.kubernetes.io/component: model
  ports:
    - {name: http, port: 80, targetPort: http, protocol: TCP}
"""

SCALER = """\
# How many inputs wait or run in a pod decides, not processor time: needs an adapter that offers the pods' metric
# (as prometheus-adapter); without one it holds the smallest number.
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: <<name>>
  labels: {app.kubernetes.io/name: "<<name>>"}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: "<<name>>"}
  minReplicas: <<least>>
  maxReplicas: <<most>>
  metrics:
    - type: Pods
      pods:
        metric: {name: modelworks_inputs_in_flight}
        target: {type: AverageValue, averageValue: "<<queue>>"}
  behavior:
    scaleDown: {stabilizationWindowSeconds: 300}
"""

DISRUPTION = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: <<name>>
  labels: {app.kubernetes.io/name: "<<name>>"}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {app.kubernetes.io/name: "<<name>>", app.kubernetes.io/component: model}
"""

NETWORK = """\
# Pods of the cluster may ask; the model itself asks nobody, not even for names.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: <<name>>
  labels: {app.kubernetes.io/name: "<<name>>"}
spec:
  podSelector:
    matchLabels: {app.kubernetes.io/name: "<<name>>", app.kubernetes.io/component: model}
  policyTypes: [Ingress, Egress]
  ingress:
    - from: [{namespaceSelector: {}}]
      ports: [{port: http, protocol: TCP}]
"""

MONITOR = """\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: <<name>>
  labels: {app.kubernetes.io/name: "<<name>>"}
spec:
  jobLabel: app.kubernetes.io/name
  selector:
    matchLabels: {app.kubernetes.io/name: "<<name>>"}
  endpoints:
    - port: http
      path: /metrics
      interval: 15s
      relabelings:
        - {targetLabel: model, replacement: "<<name>>"}
"""


def service(facts: Facts) -> str:
    """A project's name as a Service may be called: begun by a letter."""
    return facts.label if facts.label[0].isalpha() else f"model-{facts.label}"


def values(facts: Facts) -> dict[str, str]:
    """What the texts need beside the options."""
    given = facts.settings.get("serve", {})
    serve = {**given, "host": "0.0.0.0", "port": 8080, "records": False}  # noqa: S104 (inside of a pod)
    return {
        "name": service(facts),
        "serve": json.dumps(serve, sort_keys=True),
        "grace": f"{given.get('deadline', 10.0) + 15:.0f}",
    }
