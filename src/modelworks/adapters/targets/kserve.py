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


_MODEL = '''\
"""A bundle in KServe's own server, to put transformers or loggers around it: python model.py --bundle FOLDER

Needs `pip install kserve modelworks`. The runtime beside this file needs neither: our server speaks V2 itself."""

import argparse
import uuid

import kserve
import msgspec
from kserve.errors import InvalidInput

from modelworks import kinds
from modelworks.bundle import Predictor
from modelworks.core.errors import ModelworksError
from modelworks.kinds.base import named


class Bundle(kserve.Model):
    """One BYTES tensor named after the bundle's kind (pictures as base64); gives `prediction`, JSON."""

    def __init__(self, name, folder):
        super().__init__(name)
        self.folder = folder

    def load(self):
        self.predictor = Predictor.open(self.folder)
        self.ready = True
        return self.ready

    def predict(self, payload, headers=None, response_headers=None):
        kind = named(self.predictor.manifest.input)
        field = msgspec.structs.fields(kind)[0].encode_name
        tensors = {tensor.name: tensor for tensor in payload.inputs}
        if set(tensors) != {kind.name} or tensors[kind.name].datatype != "BYTES":
            raise InvalidInput(f"one tensor {kind.name} of BYTES is asked for, not {sorted(tensors)}")
        given = (item.decode() if isinstance(item, bytes) else item for item in tensors[kind.name].data)
        try:
            predictions = self.predictor.predict([msgspec.convert({field: item}, kind) for item in given])
        except (ModelworksError, msgspec.ValidationError) as error:
            raise InvalidInput(str(error)) from error
        texts = [kinds.encode(prediction).decode() for prediction in predictions]
        output = kserve.InferOutput(name="prediction", shape=[len(texts)], datatype="BYTES", data=texts)
        return kserve.InferResponse(payload.id or str(uuid.uuid4()), self.name, [output])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[kserve.model_server.parser])
    parser.add_argument("--bundle", default="/mnt/models")
    given = parser.parse_args()
    model = Bundle("<<name>>", given.bundle)
    model.load()
    kserve.ModelServer().start([model])
'''


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
        File(path="deploy/kserve/model.py", text=top + fill(_MODEL, **plain)),
    )


TARGET = Target(
    name="kserve",
    summary="KServe: a ServingRuntime for bundles, and an InferenceService.",
    files=_files,
    options={"image": "", "storage": "", "canary": "", "cpu": "500m", "memory": "1Gi"},
    next_="kubectl apply --server-side -f deploy/kserve",
)
