"""`modelworks deploy sagemaker` against AWS's emulation: created, shifted, undone, registered; its faults."""

from __future__ import annotations

import functools
import io
import json
import os
import sys
import tarfile
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.loaders
import pytest
import yaml
from click.testing import CliRunner
from moto_aws import Moto, moto
from outside import answers, free_port, server
from tiny_bundles import make_text_bundle

from modelworks.cli.main import group
from modelworks.core.errors import ConfigError, StepError

pytestmark = pytest.mark.systems
ROLE = "arn:aws:iam::123456789012:role/serving"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/moods:1"


@pytest.fixture(scope="module")
def emulation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with moto(tmp_path_factory.mktemp("moto")) as running:
        yield running


class _Session:
    """Clients of the emulation, made once: reading their models takes longer than asking."""

    def __init__(self, emulation: Moto) -> None:
        given = emulation.environ()
        self._session = boto3.session.Session(
            given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"], region_name=given["AWS_DEFAULT_REGION"]
        )
        self._url, self._clients = emulation.url, {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.client(service, endpoint_url=self._url)
        return self._clients[service]


_session = functools.cache(_Session)
_loader = functools.cache(botocore.loaders.create_loader)
"""AWS's service models are large: every command would read them anew."""


@pytest.fixture
def aws(emulation: Moto, project, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty account, a project with two bundles that deploys there; a client of it."""
    for name, value in emulation.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("botocore.session.create_loader", lambda path=None: _loader())
    emulation.faults()
    emulation.forget()
    reset = urllib.request.Request(f"{emulation.url}/moto-api/reset", method="POST")
    urllib.request.urlopen(reset, timeout=30).close()
    _session(emulation).client("s3").create_bucket(Bucket="models")
    options = {"role": ROLE, "image": IMAGE, "bucket": "s3://models/ml", "pause": "0", "wait": "20"}
    settings = {"name": "moods", "task": "sentiment-analysis", "data": {"source": "x.csv"}}
    (project / "modelworks.yaml").write_text(yaml.safe_dump({**settings, "targets": {"sagemaker": options}}))
    for seed, name in enumerate(("one", "two", "three")):
        make_text_bundle(project / name, seed=seed, name=name)
    return _session(emulation).client("sagemaker")


def deploy(*arguments: str) -> Any:
    result = CliRunner().invoke(group, ["deploy", "sagemaker", *arguments], standalone_mode=False)
    if result.exception:
        raise result.exception
    return json.loads(result.stdout) if "--json" in arguments else result.stdout


def weights(aws: Any) -> dict[str, float]:
    """Bundle (twelve digits) -> weight."""
    seen = aws.describe_endpoint(EndpointName="moods")["ProductionVariants"]
    return {one["VariantName"].split("-")[1]: one.get("CurrentWeight", 0.0) for one in seen}


def test_releases_are_shifted_in_steps_and_undone(aws, emulation, project):
    changes = deploy("--bundle", "./one", "--plan", "--json")["changes"]
    assert [change["verb"] for change in changes] == ["create", "create", "create"]
    assert aws.list_endpoints()["Endpoints"] == aws.list_models()["Models"] == []
    first = deploy("--bundle", "./one", "--yes", "--json")
    one = first["variant"].split("-")[1]
    assert weights(aws) == {one: 1.0}
    assert deploy("--bundle", "./one", "--yes", "--json")["changes"] == []

    emulation.forget()
    second = deploy("--bundle", "./two", "--yes", "--json")
    two = second["variant"].split("-")[1]
    assert weights(aws) == {one: 0.0, two: 100.0}
    moved = [
        {one["VariantName"].split("-")[1]: one["DesiredWeight"] for one in call["body"]["DesiredWeightsAndCapacities"]}
        for call in emulation.calls("UpdateEndpointWeightsAndCapacities")
    ]
    assert moved == [{one: 90.0, two: 10.0}, {one: 50.0, two: 50.0}, {one: 0.0, two: 100.0}]
    asked = emulation.calls("InvokeEndpoint")
    assert [call["variant"] for call in asked] == [second["variant"]]  # before it had any weight
    assert list(asked[0]["body"]) == ["text"]

    third = deploy("--bundle", "./three", "--yes", "--json")["variant"].split("-")[1]
    assert weights(aws) == {two: 0.0, third: 100.0}  # what had no weight is gone
    emulation.forget()
    deploy("--undo", "--yes")
    assert weights(aws) == {two: 100.0, third: 0.0}
    assert emulation.calls("UpdateEndpoint") == []  # weights alone: at once
    deploy("--undo", "--yes")
    assert weights(aws) == {one: 1.0}
    deploy("--undo", "--yes")
    assert aws.list_endpoints()["Endpoints"] == []


def test_the_registry_and_the_files_are_what_was_released(aws, emulation, project):
    applied = deploy("--bundle", "./one", "--yes", "--json")
    package = aws.describe_model_package(ModelPackageName=applied["package"])
    assert package["ModelApprovalStatus"] == "Approved"
    container = package["InferenceSpecification"]["Containers"][0]
    assert container["Image"] == IMAGE
    key = container["ModelDataUrl"].removeprefix("s3://models/")
    body = _session(emulation).client("s3").get_object(Bucket="models", Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        assert tar.extractfile("manifest.json").read() == (project / "one" / "manifest.json").read_bytes()
    deploy("--bundle", "./two", "--yes")
    deploy("--bundle", "./one", "--yes")
    assert len(aws.list_model_packages(ModelPackageGroupName="moods")["ModelPackageSummaryList"]) == 2


def test_what_is_not_approved_is_not_deployed(aws):
    asked = ("--bundle", "./one", "--yes", "--set", "approval=PendingManualApproval")
    with pytest.raises(StepError, match="PendingManualApproval") as caught:
        deploy(*asked)
    assert aws.list_endpoints()["Endpoints"] == []
    arn = next(word for word in caught.value.hint.replace(";", " ").split() if word.startswith("arn:"))
    aws.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    deploy(*asked)
    assert len(weights(aws)) == 1


@pytest.mark.parametrize(("mode", "field"), [("serverless", "ServerlessConfig"), ("async", "InitialInstanceCount")])
def test_modes_of_one_variant_are_exchanged(aws, mode, field):
    set_ = ("--set", f"mode={mode}")
    first = deploy("--bundle", "./one", "--yes", "--json", *set_)
    changes = deploy("--bundle", "./two", "--plan", "--json", *set_)["changes"]
    assert changes[-1]["verb"] == "replace"
    second = deploy("--bundle", "./two", "--yes", "--json", *set_)
    config = aws.describe_endpoint_config(EndpointConfigName=_config(aws))
    [variant] = config["ProductionVariants"]
    assert variant["VariantName"] == second["variant"]
    assert field in variant
    answers_at = config.get("AsyncInferenceConfig", {}).get("OutputConfig", {}).get("S3OutputPath")
    assert answers_at == ("s3://models/ml/moods/answers" if mode == "async" else None)
    assert deploy("--bundle", "./two", "--plan", "--json", *set_)["changes"] == []
    deploy("--undo", "--yes")
    [variant] = aws.describe_endpoint_config(EndpointConfigName=_config(aws))["ProductionVariants"]
    assert variant["VariantName"] == first["variant"]


def _config(aws: Any) -> str:
    return aws.describe_endpoint(EndpointName="moods")["EndpointConfigName"]


def test_without_keep_the_old_variant_goes(aws):
    deploy("--bundle", "./one", "--yes")
    one = next(iter(weights(aws)))
    deploy("--bundle", "./two", "--yes", "--set", "keep=no", "--set", "steps=30")
    assert len(weights(aws)) == 1
    assert one not in weights(aws)
    deploy("--undo", "--yes")
    assert list(weights(aws)) == [one]


# Faults


def test_throttled_calls_are_tried_again(aws, emulation):
    emulation.faults(CreateModel=[2, "ThrottlingException"], DescribeEndpoint=[2, "ThrottlingException"])
    deploy("--bundle", "./one", "--yes")
    assert len(emulation.calls("CreateModel")) == 3
    assert len(weights(aws)) == 1


def test_throttling_without_end_is_told_and_nothing_is_lost(aws, emulation, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    emulation.faults(CreateEndpointConfig=[99, "TooManyRequestsException"])
    with pytest.raises(StepError, match="TooManyRequestsException") as caught:
        deploy("--bundle", "./one", "--yes")
    assert "run again later" in caught.value.hint
    emulation.faults()
    deploy("--bundle", "./one", "--yes")
    assert len(weights(aws)) == 1


def test_an_endpoint_that_fails_to_come_up_is_removed(aws, emulation):
    emulation.faults(create="The primary container did not pass the ping health check")
    with pytest.raises(StepError, match="the endpoint is Failed") as caught:
        deploy("--bundle", "./one", "--yes")
    assert "ping health check" in str(caught.value)
    assert "aws logs tail" in caught.value.hint
    assert aws.list_endpoints()["Endpoints"] == []
    with pytest.raises(ConfigError, match="nothing was deployed"):
        deploy("--undo", "--yes")


def test_a_new_variant_that_fails_leaves_the_old_one_answering(aws, emulation):
    deploy("--bundle", "./one", "--yes")
    before = weights(aws)
    emulation.faults(update="InsufficientInstanceCapacity")
    with pytest.raises(StepError, match="what stood before answers") as caught:
        deploy("--bundle", "./two", "--yes")
    assert "InsufficientInstanceCapacity" in str(caught.value)
    assert weights(aws) == before


@pytest.mark.parametrize("fault", [
    {"InvokeEndpoint": [99, "ModelError"]},  # it comes up, and does not answer
    {"DescribeAlarms": [99, "AccessDeniedException"]},  # nobody can say whether it does well
])  # fmt: skip
def test_a_shift_that_goes_wrong_goes_back(aws, emulation, fault):
    first = deploy("--bundle", "./one", "--yes", "--json")["variant"].split("-")[1]
    emulation.faults(**fault)
    with pytest.raises(StepError):
        deploy("--bundle", "./two", "--yes", "--set", "alarm=errors")
    found = weights(aws)
    assert found.pop(first) == 100.0
    assert list(found.values()) == [0.0]
    emulation.faults()
    deploy("--bundle", "./two", "--yes")  # the variant is there already: only the weights move
    assert weights(aws)[first] == 0.0


def test_an_alarm_sends_the_requests_back(aws, emulation):
    watch = _session(emulation).client("cloudwatch")
    watch.put_metric_alarm(AlarmName="errors", MetricName="m", Namespace="n", Period=60, EvaluationPeriods=1,
                           Threshold=1, ComparisonOperator="GreaterThanThreshold", Statistic="Sum")  # fmt: skip
    first = deploy("--bundle", "./one", "--yes", "--json")["variant"].split("-")[1]
    watch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="five errors")
    with pytest.raises(StepError, match="alarm says no") as caught:
        deploy("--bundle", "./two", "--yes", "--set", "alarm=errors")
    assert "five errors" in str(caught.value)
    assert weights(aws)[first] == 100.0
    watch.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="")
    deploy("--bundle", "./two", "--yes", "--set", "alarm=errors")
    assert weights(aws)[first] == 0.0


def test_no_credentials_wrong_ones_and_nobody_there_are_told(aws, emulation, monkeypatch, tmp_path):
    emulation.faults(DescribeEndpoint=[99, "UnrecognizedClientException"])
    with pytest.raises(StepError, match="UnrecognizedClientException") as caught:
        deploy("--bundle", "./one", "--plan")
    assert "check the credentials" in caught.value.hint
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(StepError, match="no AWS credentials"):
        deploy("--bundle", "./one", "--plan")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StepError, match="AWS does not answer"):
        deploy("--bundle", "./one", "--plan")


def test_the_variant_is_asked_as_the_server_understands(aws, emulation, project):
    """The question that is sent before any weight is moved, answered by a real server."""
    port = free_port()
    command = [sys.executable, "-m", "modelworks", "serve", str(project / "one"), "--port", str(port)]
    with server(command, project / "log", {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}) as process:
        answers(f"http://127.0.0.1:{port}/ping", 120, process)
        emulation.faults(forward=f"http://127.0.0.1:{port}")
        deploy("--bundle", "./one", "--yes")
        runtime = _session(emulation).client("sagemaker-runtime")
        body = runtime.invoke_endpoint(
            EndpointName="moods", ContentType="application/jsonlines", Body=b'{"text": "good"}\n{"text": "bad"}\n'
        )["Body"].read()
        assert len([json.loads(line)["label"] for line in body.splitlines()]) == 2
