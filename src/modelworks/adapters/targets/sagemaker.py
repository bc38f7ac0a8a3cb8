"""Amazon SageMaker: a training job with the training image, a batch transform, a pipeline that trains and registers.

The files are requests as `aws … --cli-input-json` and boto3 take them. Endpoints are `modelworks deploy sagemaker`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from modelworks.contracts.target import Facts, File, Target

_TRAIN = "modelworks run && modelworks bundle export champion /opt/ml/model/bundle.zip"
_FAILED = "{ code=$?; echo 'modelworks run ended badly: its log says why' >/opt/ml/output/failure; exit $code; }"
LINES = "application/jsonlines"


def _files(facts: Facts) -> tuple[File, ...]:
    name = re.sub("[-_]+", "-", facts.name).strip("-")[:40] or "model"
    train = _training(facts.options, name)
    files = {
        "training-job.json": {"TrainingJobName": f"{name}-training", **train},
        "transform-job.json": _transform(facts.options, name),
        "pipeline.json": _pipeline(facts.options, name, train),
    }
    return tuple(
        File(path=f"deploy/sagemaker/{path}", text=json.dumps(value, indent=2) + "\n") for path, value in files.items()
    )


def _training(options: Any, name: str) -> dict[str, Any]:
    """The training image holds the project; what lies in /opt/ml/model at the end becomes model.tar.gz."""
    return {
        "RoleArn": options["role"],
        "AlgorithmSpecification": {
            "TrainingImage": options["training_image"], "TrainingInputMode": "File",
            "ContainerEntrypoint": ["sh", "-c"], "ContainerArguments": [f"{_TRAIN} || {_FAILED}"],
        },
        "OutputDataConfig": {"S3OutputPath": f"{options['bucket']}/{name}/training"},
        "ResourceConfig": {
            "InstanceType": options["training_instance"], "InstanceCount": 1,
            "VolumeSizeInGB": int(options["volume"]),
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": int(options["seconds"])},
    }  # fmt: skip


def _transform(options: Any, name: str) -> dict[str, Any]:
    """Lines of JSON in, a prediction a line out; the model is one that `modelworks deploy sagemaker` made."""
    return {
        "TransformJobName": f"{name}-transform",
        "ModelName": options["model"] or name,
        "BatchStrategy": "MultiRecord",
        "TransformInput": {
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{options['bucket']}/{name}/transform/in/"}
            },
            "ContentType": LINES, "SplitType": "Line",
        },
        "TransformOutput": {
            "S3OutputPath": f"{options['bucket']}/{name}/transform/out", "AssembleWith": "Line", "Accept": LINES,
        },
        "TransformResources": {"InstanceType": options["instance"], "InstanceCount": 1},
    }  # fmt: skip


def _pipeline(options: Any, name: str, train: dict[str, Any]) -> dict[str, Any]:
    """Train, then register what came of it; the arguments of a step are those of its API call."""
    container = {
        "Image": {"Get": "Parameters.ServingImage"},
        "ModelDataUrl": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"},
    }
    package = {
        "ModelPackageGroupName": name, "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [container], "SupportedContentTypes": ["application/json", LINES],
            "SupportedResponseMIMETypes": ["application/json", LINES],
            "SupportedRealtimeInferenceInstanceTypes": [options["instance"]],
            "SupportedTransformInstanceTypes": [options["instance"]],
        },
    }  # fmt: skip
    model = {"ExecutionRoleArn": options["role"], "PrimaryContainer": container}
    return {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "ServingImage", "Type": "String", "DefaultValue": options["image"]}],
        "Steps": [
            {"Name": "Train", "Type": "Training", "Arguments": train},
            {"Name": "Model", "Type": "Model", "Arguments": model},
            {"Name": "Register", "Type": "RegisterModel", "Arguments": package},
        ],
    }


_REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
TARGET = Target(
    name="sagemaker",
    summary="Amazon SageMaker: a training job, a batch transform and a pipeline as requests.",
    files=_files,
    options={
        "role": "arn:aws:iam::123456789012:role/modelworks",
        "image": f"{_REGISTRY}/serving:latest",
        "training_image": f"{_REGISTRY}/training:latest",
        "bucket": "s3://bucket/modelworks",
        "model": "",
        "instance": "ml.m5.large",
        "training_instance": "ml.m5.2xlarge",
        "volume": "30",
        "seconds": "86400",
    },
    next_="aws sagemaker create-training-job --cli-input-json file://deploy/sagemaker/training-job.json",
)
