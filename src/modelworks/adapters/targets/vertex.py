"""Google Vertex AI: the requests for a model, an endpoint, a split of traffic, a batch prediction and a training job.

The files are the bodies of the API's own messages; `deploy.py` sends them with Google's SDK.
"""

from __future__ import annotations

import json
from typing import Any

from modelworks.adapters.targets._text import fill, head
from modelworks.adapters.targets._vertex_deploy import DEPLOY
from modelworks.contracts.target import Facts, File, Target


def _files(facts: Facts) -> tuple[File, ...]:
    name = facts.label
    options = facts.options
    bodies = {
        "model": _model(options, name), "endpoint": {"displayName": name, "labels": {"made-by": "modelworks"}},
        "deployed-model": _deployed(options, name), "batch-prediction-job": _batch(options, name),
        "custom-job": _training(options, name),
    }  # fmt: skip
    found = [
        File(path=f"deploy/vertex/{path}.json", text=json.dumps(body, indent=2) + "\n") for path, body in bodies.items()
    ]
    plain = {"project": options["project"], "region": options["region"]}
    script = head(facts, "vertex") + "\n" + fill(DEPLOY, **plain)
    return (*found, File(path="deploy/vertex/deploy.py", text=script))


def _model(options: Any, name: str) -> dict[str, Any]:
    """The image finds the bundle by AIP_STORAGE_URI, which Vertex sets to a copy of `artifactUri`."""
    return {
        "displayName": name,
        "artifactUri": f"{options['bucket']}/{name}/bundle",
        "containerSpec": {
            "imageUri": options["image"], "ports": [{"containerPort": 8080}],
            "predictRoute": "/vertex/predict", "healthRoute": "/ping",
        },
        "labels": {"made-by": "modelworks"},
    }  # fmt: skip


def _deployed(options: Any, name: str) -> dict[str, Any]:
    return {
        "displayName": name,
        "dedicatedResources": {
            "machineSpec": {"machineType": options["machine"]}, "minReplicaCount": int(options["replicas"]),
            "maxReplicaCount": int(options["most_replicas"]),
        },
    }  # fmt: skip


def _batch(options: Any, name: str) -> dict[str, Any]:
    """Lines of JSON in, a line with instance and prediction out; deploy.py fills in the model."""
    return {
        "displayName": name,
        "inputConfig": {
            "instancesFormat": "jsonl", "gcsSource": {"uris": [f"{options['bucket']}/{name}/batch/in/*.jsonl"]},
        },
        "outputConfig": {
            "predictionsFormat": "jsonl",
            "gcsDestination": {"outputUriPrefix": f"{options['bucket']}/{name}/batch/out"},
        },
        "dedicatedResources": {
            "machineSpec": {"machineType": options["machine"]}, "startingReplicaCount": int(options["replicas"]),
            "maxReplicaCount": int(options["most_replicas"]),
        },
    }  # fmt: skip


def _training(options: Any, name: str) -> dict[str, Any]:
    """The training image holds the project; AIP_MODEL_DIR's bucket is mounted below /gcs."""
    keep = 'out="/gcs/${AIP_MODEL_DIR#gs://}" && mkdir -p "$out" && modelworks bundle export champion "$out/bundle.zip"'
    return {
        "displayName": f"{name}-training",
        "jobSpec": {
            "workerPoolSpecs": [{
                "machineSpec": {"machineType": options["training_machine"]},
                "replicaCount": 1,
                "containerSpec": {
                    "imageUri": options["training_image"], "command": ["sh", "-c"],
                    "args": [f"modelworks run && {keep}"],
                },
            }],
            "baseOutputDirectory": {"outputUriPrefix": f"{options['bucket']}/{name}/training"},
            "scheduling": {"timeout": f"{int(options['seconds'])}s"},
        },
    }  # fmt: skip


TARGET = Target(
    name="vertex",
    summary="Google Vertex AI: model, endpoint with a split of traffic, batch prediction, training job, and a script.",
    files=_files,
    options={
        "project": "my-project",
        "region": "europe-west4",
        "bucket": "gs://bucket/modelworks",
        "image": "europe-west4-docker.pkg.dev/my-project/models/serving:latest",
        "training_image": "europe-west4-docker.pkg.dev/my-project/models/training:latest",
        "machine": "n2-standard-2",
        "replicas": "1",
        "most_replicas": "3",
        "training_machine": "n2-standard-8",
        "seconds": "86400",
    },
    next_="upload the bundle to the bucket, then python deploy/vertex/deploy.py release",
)
