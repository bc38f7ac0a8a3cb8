"""A real MLflow server on a real PostgreSQL, as administrators leave it: webhooks go to public addresses alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mlflow_servers
import pytest
from tiny_bundles import make_text_bundle

from modelworks.adapters.registries.mlflow import REGISTRY
from modelworks.contracts.registry import Data, RegistryError, Run
from modelworks.core import paths
from modelworks.stages.release import outbox, sync

pytestmark = pytest.mark.systems
LONG = "Grüße 🙂 " * 2000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_servers.postgres(tmp_path_factory.mktemp("postgres")) as store:  # noqa: SIM117
        with mlflow_servers.server(tmp_path_factory.mktemp("mlflow"), store) as url:
            yield url


def test_a_release_is_told_once_whatever_its_length(project: Path, server: str) -> None:
    from mlflow.tracking import MlflowClient

    make_text_bundle(paths.bundle(project, "b" * 64))
    name = "Bob's model"
    entry = outbox.Entry(
        key="k" * 64, registry="mlflow", uri=server, project=name, params={f"p{n}": LONG for n in range(150)},
        metrics={"f1": 0.5, "slice/length=1–10/f1": 0.25, "n" * 400: 1.0}, started=1.7e9, seconds=2,
        curves={"loss": [(step, 1 / step) for step in range(1, 2500)]}, description=LONG,
        tags={"verdict": "passed", "commit": "c" * 40},
        data=Data(name="d", digest="d" * 64, source="data.csv", columns=("text", "label"), splits={"train": 8}),
        children=(Run(project=name, name="train", tags={"key": f"{'k' * 64}/train"}),), bundle="b" * 64,
        channel="champion",
    )  # fmt: skip
    for _ in range(2):
        outbox.put(project, entry)
        assert sync(project) == []
    client = MlflowClient(tracking_uri=server, registry_uri=server)
    version = client.get_model_version_by_alias(name, "champion")
    assert LONG.startswith(version.description)
    run = client.get_run(version.run_id)
    assert len(run.data.params) == 150
    assert run.data.metrics["slice/length_1_10/f1"] == 0.25
    assert len(client.get_metric_history(version.run_id, "curve/loss")) == 2499
    assert run.inputs.dataset_inputs[0].dataset.digest == "d" * 36
    assert len(client.search_runs([run.info.experiment_id])) == 2


def test_webhooks_to_this_machine_need_a_setting_of_the_server(server: str) -> None:
    with pytest.raises(RegistryError, match="scheme: 'http'"):
        REGISTRY.webhook(server, "p", "http://127.0.0.1:9/", "")
    with pytest.raises(RegistryError, match="non-public"):
        REGISTRY.webhook(server, "p", "https://127.0.0.1:9/", "")
