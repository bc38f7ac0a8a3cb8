"""KServe: our server as a ServingRuntime of the Open Inference Protocol V2, and an InferenceService that uses it."""

from __future__ import annotations

from modelworks.adapters.targets import _kubernetes as objects
from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import Facts, File, Target
from modelworks.core.errors import ConfigError

_RUNTIME = """\
# Serves whatever bundle KServe puts at /mnt/models; without a storageUri, the one that is baked into the image.
apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata:
  name: modelworks
spec:
  supportedModelFormats:
    - {name: modelworks, version: "1", autoSelect: true}
  protocolVersions: [v2]
  containers:
    - name: kserve-container
      image: "<<image>>"
      args: [serve, "<<bundle>>"]
      env:
        - name: MODELWORKS_SERVE
          value: '<<serve>>'
      ports:
        - {name: http1, containerPort: 8080, protocol: TCP}
      readinessProbe:
        httpGet: {path: /v2/health/ready, port: 8080}
        periodSeconds: 2
        timeoutSeconds: 5
      livenessProbe:
        httpGet: {path: /v2/health/live, port: 8080}
        periodSeconds: 10
        initialDelaySeconds: 30
        timeoutSeconds: 5
      resources:
        requests: {cpu: "<<cpu>>", memory: "<<memory>>"}
        limits: {memory: "<<memory>>"}
      securityContext:
        runAsNonRoot: true
        runAsUser: 1000
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
        seccompProfile: {type: RuntimeDefault}
"""

_SERVICE = """\
# V2: POST /v2/models/NAME/infer, where NAME is the bundle's.
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: <<name>>
spec:
  predictor:
    minReplicas: 1
    terminationGracePeriodSeconds: <<grace>>
<<canary>>    model:
      modelFormat: {name: modelworks, version: "1"}
      protocolVersion: v2
      runtime: modelworks
<<storage>>"""


def _files(facts: Facts) -> tuple[File, ...]:
    own, given = objects.values(facts), facts.options
    if given["canary"] and not given["canary"].isdecimal():
        raise ConfigError("not a weight", where="--set canary", seen=given["canary"], allowed="a number of per cent")
    plain = {
        **given, **own,
        "image": given["image"] or f"{own['name']}:latest",
        "bundle": "/mnt/models" if given["storage"] else "/bundle",
        "storage": f'      storageUri: "{given["storage"]}"\n' if given["storage"] else "",
        "canary": f"    canaryTrafficPercent: {given['canary']}\n" if given["canary"] else "",
    }  # fmt: skip
    top = head(facts, "kserve") + "\n"
    return (
        File(path="deploy/kserve/runtime.yaml", text=top + fill(_RUNTIME, **plain)),
        File(path="deploy/kserve/service.yaml", text=top + fill(_SERVICE, **plain)),
    )


TARGET = Target(
    name="kserve",
    summary="KServe: a ServingRuntime for bundles, and an InferenceService.",
    files=_files,
    options={"image": "", "storage": "", "canary": "", "cpu": "500m", "memory": "1Gi"},
    next_="kubectl apply --server-side -f deploy/kserve",
)
