"""What `export sagemaker`, `export azureml` and `export vertex` write, against what needs no other environment."""

from __future__ import annotations

import ast
import json
import runpy
import sys
import types

import pytest
from click.testing import CliRunner

from modelworks.cli.main import group

SETTINGS = "name: Moods_2\ntask: sentiment-analysis\ndata: {source: data.csv}\n"


@pytest.fixture
def exported(project):
    (project / "modelworks.yaml").write_text(SETTINGS)

    def export(target: str, *options: str):
        given = [part for option in options for part in ("--set", option)]
        result = CliRunner().invoke(group, ["export", target, *given], standalone_mode=False)
        assert result.exception is None, result.exception
        return project / "deploy" / target

    return export


@pytest.fixture(scope="module")
def check():
    """check(operation, request): complaints of AWS's own service model, which boto3 carries."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel
    from botocore.validate import ParamValidator

    model = ServiceModel(Loader().load_service_model("sagemaker", "service-2"))
    return lambda operation, request: (
        ParamValidator().validate(request, model.operation_model(operation).input_shape).generate_report()
    )


def test_sagemakers_requests_have_the_shape_that_aws_gives_them(exported, check):
    folder = exported("sagemaker")
    training, transform = (
        json.loads((folder / name).read_text()) for name in ("training-job.json", "transform-job.json")
    )
    assert check("CreateTrainingJob", training) == ""
    assert check("CreateTransformJob", transform) == ""
    assert training["TrainingJobName"] == "Moods-2-training"
    assert "Unknown parameter" in check("CreateTrainingJob", {**training, "Image": "x"})
    assert "Missing required" in check("CreateTransformJob", {"TransformJobName": "x"})


def test_the_steps_of_sagemakers_pipeline_are_requests_too(exported, check):
    definition = json.loads((exported("sagemaker") / "pipeline.json").read_text())
    operations = {"Training": "CreateTrainingJob", "Model": "CreateModel", "RegisterModel": "CreateModelPackage"}
    names = {"Training": {"TrainingJobName": "x"}, "Model": {"ModelName": "x"}, "RegisterModel": {}}
    known = {f"Steps.{step['Name']}" for step in definition["Steps"]}
    known |= {f"Parameters.{one['Name']}" for one in definition["Parameters"]}
    for step in definition["Steps"]:
        values, said = _resolved(step["Arguments"])
        assert check(operations[step["Type"]], {**values, **names[step["Type"]]}) == ""
        assert all(any(one.startswith(name) for name in known) for one in said), said


def _resolved(value):
    """The value with strings for references, and the references."""
    if isinstance(value, dict) and set(value) == {"Get"}:
        return "a-value-of-a-run", [value["Get"]]
    if isinstance(value, dict):
        found = {key: _resolved(inner) for key, inner in value.items()}
        return {key: one for key, (one, _) in found.items()}, [said for _, more in found.values() for said in more]
    if isinstance(value, list):
        listed = [_resolved(inner) for inner in value]
        return [one for one, _ in listed], [said for _, more in listed for said in more]
    return value, []


def test_azures_script_is_python_and_names_no_module_of_ours_but_the_public_ones(exported):
    tree = ast.parse((exported("azureml") / "score.py").read_text())
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name for name in found if name.startswith("modelworks")} == {
        "modelworks", "modelworks.bundle", "modelworks.core.errors",
    }  # fmt: skip


@pytest.fixture
def vertex(exported, monkeypatch):
    """The script's functions, without Google's SDK."""
    for name in ("google", "google.cloud", "google.cloud.aiplatform_v1", "google.protobuf",
                 "google.protobuf.json_format"):  # fmt: skip
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    api = sys.modules["google.cloud.aiplatform_v1"]
    for name in ("Model", "Endpoint", "DeployedModel", "BatchPredictionJob", "CustomJob"):
        setattr(api, name, object)
    sys.modules["google.cloud"].aiplatform_v1 = api
    sys.modules["google.protobuf.json_format"].ParseDict = None
    return runpy.run_path(str(exported("vertex", "region=us-east1") / "deploy.py"))


@pytest.mark.parametrize(("deployed", "share", "expected"), [
    ({}, 10, {"new": 100}),  # the first gets all
    ({"a": 100}, 10, {"a": 90, "new": 10}),
    ({"a": 100, "z": 0}, 100, {"a": 0, "new": 100}),
    ({"a": 90, "new": 10}, 50, {"a": 50, "new": 50}),
    ({"a": 90, "new": 10}, 0, {"a": 100, "new": 0}),
    ({"a": 33, "b": 33, "c": 34}, 10, {"a": 29, "b": 29, "c": 32, "new": 10}),
])  # fmt: skip
def test_vertex_splits_traffic_into_whole_numbers_that_make_100(vertex, deployed, share, expected):
    found = vertex["split"](deployed, "new", share)
    assert found == expected
    assert sum(found.values()) == 100
    assert vertex["PARENT"] == "projects/my-project/locations/us-east1"
