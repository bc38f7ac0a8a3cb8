"""The model of a release on SageMaker: its files in S3, its model, its package in the Model Registry, its variant."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import tarfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from modelworks.adapters.deployments._aws import Aws
from modelworks.contracts.deployment import Situation
from modelworks.contracts.objects import open_objects
from modelworks.core.errors import ConfigError, StepError
from modelworks.kinds.base import named

MODES = ("realtime", "serverless", "async")


class Wanted:
    """The model of a release, and the variant that answers with it."""

    def __init__(self, situation: Situation) -> None:
        options = situation.facts.options
        for name in ("role", "image", "bucket"):
            if not options[name]:
                hint = f"--set {name}=…, or `targets: {{sagemaker: {{{name}: …}}}}` in modelworks.yaml"
                raise ConfigError(f"SageMaker needs a {name}", where=f"sagemaker: {name}", hint=hint)
        if options["mode"] not in MODES:
            raise ConfigError("unknown mode", where="sagemaker: mode", seen=options["mode"], allowed=MODES)
        self.steps = [*(_share(text) for text in options["steps"].split(",")), 100]
        self.steps = self.steps[: self.steps.index(100) + 1]
        self.mode, self.approval, self.group = options["mode"], options["approval"], plain(situation.facts.name)
        self._situation, self._options = situation, options
        size = [options[name] for name in ("image", "role", "mode", "instance", "instances", "memory", "concurrency")]
        mark = hashlib.sha256(json.dumps(size).encode()).hexdigest()[:8]
        self.variant = f"{self.group[:40]}-{situation.bundle_id[:12]}-{mark}"
        self._key = f"{self.group}/{situation.bundle_id}/model.tar.gz"
        self.folder = urlsplit(options["bucket"])._replace(query="").geturl().rstrip("/")
        self.data = f"{self.folder}/{self._key}"

    def upload(self) -> None:
        """The bundle as SageMaker takes a model's files; once."""
        objects = open_objects(self._options["bucket"])
        if objects.size(self._key) is None:
            self._situation.say(f"uploading {self.data}")
            objects.put(self._key, _packed(self._situation.bundle, self._situation.scratch / "model.tar.gz"))

    def create(self, aws: Aws) -> None:
        if aws.found("sagemaker", "describe_model", ModelName=self.variant) is None:
            aws(
                "sagemaker", "create_model", ModelName=self.variant, ExecutionRoleArn=self._options["role"],
                PrimaryContainer=self._container(),
            )  # fmt: skip

    def _container(self) -> dict[str, Any]:
        return {"Image": self._options["image"], "ModelDataUrl": self.data}

    def register(self, aws: Aws) -> str:
        """The ARN of the model package; StepError while it is not approved."""
        words = f"release {self._situation.version}, bundle {self._situation.bundle_id}, image {self._options['image']}"
        group = {"ModelPackageGroupName": self.group}
        if aws.found("sagemaker", "describe_model_package_group", **group) is None:
            aws("sagemaker", "create_model_package_group", **group)
        known = aws.pages("sagemaker", "list_model_packages", "ModelPackageSummaryList", **group)
        found = next((one for one in known if one.get("ModelPackageDescription") == words), None)
        if found is None:
            json_types = ["application/json", "application/jsonlines"]
            specification = {
                "Containers": [self._container()], "SupportedContentTypes": json_types,
                "SupportedResponseMIMETypes": json_types,
            }  # fmt: skip
            made = aws(
                "sagemaker", "create_model_package", **group, ModelPackageDescription=words,
                ModelApprovalStatus=self.approval, InferenceSpecification=specification,
                CustomerMetadataProperties={
                    "bundle": self._situation.bundle_id, "release": str(self._situation.version),
                },
            )  # fmt: skip
            found = {"ModelPackageArn": made["ModelPackageArn"], "ModelApprovalStatus": self.approval}
        if found["ModelApprovalStatus"] != "Approved":
            approve = "aws sagemaker update-model-package --model-approval-status Approved --model-package-arn"
            hint = f"{approve} {found['ModelPackageArn']}; then deploy again"
            raise StepError(f"the model package is {found['ModelApprovalStatus']}", where=self.group, hint=hint)
        return str(found["ModelPackageArn"])

    def as_variant(self, weight: float) -> dict[str, Any]:
        options, base = self._options, {"VariantName": self.variant, "ModelName": self.variant}
        if self.mode == "serverless":
            size = {"MemorySizeInMB": int(options["memory"]), "MaxConcurrency": int(options["concurrency"])}
            return {**base, "ServerlessConfig": size}
        count = {"InstanceType": options["instance"], "InitialInstanceCount": int(options["instances"])}
        return {**base, **count, "InitialVariantWeight": weight}

    @property
    def asynchronous(self) -> dict[str, Any]:
        """Where an asynchronous endpoint writes its answers; empty for the others."""
        return {"OutputConfig": {"S3OutputPath": f"{self.folder}/{self.group}/answers"}} if self.mode == "async" else {}

    def sample(self) -> bytes:
        """A question of the model's kind; empty where the kind has none."""
        manifest = json.loads((self._situation.bundle / "manifest.json").read_text("utf-8"))
        sample = named(manifest["input"]).sample
        return json.dumps(dict(sample)).encode() if sample and self.mode != "async" else b""

    def wait(self, aws: Aws) -> None:
        """Look on for a while; StepError when the alarm goes off."""
        time.sleep(float(self._options["pause"]))
        if alarm := self._options["alarm"]:
            seen = aws("cloudwatch", "describe_alarms", AlarmNames=[alarm])
            found = [*seen.get("MetricAlarms", ()), *seen.get("CompositeAlarms", ())]
            if not found or found[0]["StateValue"] == "ALARM":
                why = found[0].get("StateReason", "") if found else "there is no such alarm"
                raise StepError("the alarm says no: the requests go back to the old variant", where=alarm, seen=why)

    @property
    def keeps(self) -> bool:
        return self._options["keep"] != "no"


def plain(name: str) -> str:
    """A project's name as SageMaker allows it."""
    return re.sub("[-_]+", "-", name).strip("-")[:40] or "model"


def _share(text: str) -> int:
    if not text.strip().isdigit() or not 0 < int(text) <= 100:
        raise ConfigError("not a share of the requests", where="sagemaker: steps", seen=text, allowed="1 to 100")
    return int(text)


def _packed(bundle: Path, archive: Path) -> Path:
    """The bundle's files at the root of a model.tar.gz; the same bytes for the same bundle."""
    with (
        archive.open("wb") as file,
        gzip.GzipFile("", "wb", 1, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for path in sorted(path for path in bundle.rglob("*") if path.is_file()):
            entry = tar.gettarinfo(path, path.relative_to(bundle).as_posix())
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname, entry.mode = 0, 0, 0, "", "", 0o644
            with path.open("rb") as content:
                tar.addfile(entry, content)
    return archive
