import time
from pathlib import Path

import pytest

from modelworks.core import paths
from modelworks.stages.release import outbox, pending, start, sync


def entry(project: Path, key: str = "k" * 64, **changed: object) -> outbox.Entry:
    bundle = paths.bundle(project, "b" * 64)
    bundle.mkdir(parents=True, exist_ok=True)
    (bundle / "manifest.json").write_text("{}")
    given = {
        "key": key, "registry": "mlflow", "uri": "", "project": "incidents", "params": {"seed": 0, "task": "ner"},
        "metrics": {"entity_f1": 0.41}, "curves": {"loss": [(1, 2.0), (2, 1.5)]}, "tags": {"verdict": "passed"},
        "bundle": "b" * 64, "channel": "champion",
    }  # fmt: skip
    return outbox.Entry(**{**given, **changed})


@pytest.mark.slow
def test_mlflow_on_sqlite_holds_run_version_and_alias_once(project: Path) -> None:
    from mlflow.tracking import MlflowClient

    said: list[str] = []
    for _ in range(2):
        outbox.put(project, entry(project))
        assert sync(project, said.append) == []
    assert said == ["mlflow: mlflow:incidents/1"] * 2
    uri = f"sqlite:///{paths.home(project) / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    version = client.get_model_version_by_alias("incidents", "champion")
    assert int(version.version) == 1
    run = client.get_run(version.run_id)
    assert run.data.metrics["entity_f1"] == 0.41
    assert run.data.params["seed"] == "0"
    assert [m.value for m in client.get_metric_history(version.run_id, "curve/loss")] == [2.0, 1.5]
    assert [f.path for f in client.list_artifacts(version.run_id, "bundle")] == ["bundle/manifest.json"]
    assert len(client.search_model_versions("name = 'incidents'")) == 1


def test_a_registry_that_fails_keeps_the_entry_and_says_why(project: Path) -> None:
    outbox.put(project, entry(project, registry="no-such-registry"))
    outbox.put(project, entry(project, key="z" * 64, registry="none"))
    failed = sync(project)
    assert [e.registry for e in failed] == ["no-such-registry"]
    assert [e.error for e in pending(project)] == ["there is no 'no-such-registry' among the registries"]


@pytest.mark.slow
def test_delivery_goes_on_in_a_process_of_its_own(project: Path) -> None:
    (project / "modelworks.yaml").write_text("name: a\ntask: sentiment-analysis\ndata: {source: x}\n")
    outbox.put(project, entry(project, registry="none"))
    began = time.monotonic()
    start(project)
    assert time.monotonic() - began < 1
    while pending(project) and time.monotonic() - began < 30:
        time.sleep(0.1)
    assert pending(project) == []
