"""MLflow: a run with parameters, figures, curves and files; a bundle as a registered version with aliases.

The URI is a SQLite file (`sqlite:///…`) or a tracking server (`http://…`; credentials through MLflow's own environment
variables). The bundle is stored as plain files under the run's `bundle` artifact: no flavor, no pickle.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelworks.contracts.check import Finding
from modelworks.contracts.registry import Run

PREFIX = "modelworks."


class MLflow:
    """Runs and versions in an MLflow tracking store and model registry."""

    def record(self, uri: str, run: Run) -> str:
        client = _client(uri)
        experiment = _experiment(client, uri, run.project)
        found = client.search_runs([experiment], f"tags.`{PREFIX}key` = '{run.tags['key']}'", max_results=1)
        if found and found[0].info.status == "FINISHED":
            return str(found[0].info.run_id)
        tags = {**{PREFIX + name: value for name, value in run.tags.items()}, "mlflow.runName": run.name}
        run_id = found[0].info.run_id if found else client.create_run(experiment, tags=tags).info.run_id
        _log(client, run_id, run)
        client.set_terminated(run_id)
        return str(run_id)

    def register(self, uri: str, run_id: str, project: str, bundle: Path, tags: Mapping[str, str]) -> str:
        client = _client(uri)
        if not client.search_registered_models(f"name = '{project}'"):
            client.create_registered_model(project)
        for version in client.search_model_versions(f"name = '{project}'"):
            if version.tags.get(PREFIX + "bundle") == tags["bundle"]:
                return f"mlflow:{project}/{version.version}"
        client.log_artifacts(run_id, str(bundle), "bundle")
        source = f"{client.get_run(run_id).info.artifact_uri}/bundle"
        marks = {PREFIX + name: value for name, value in tags.items()}
        version = client.create_model_version(project, source=source, run_id=run_id, tags=marks)
        return f"mlflow:{project}/{version.version}"

    def alias(self, uri: str, version: str, channel: str) -> None:
        name, _, number = version.removeprefix("mlflow:").rpartition("/")
        _client(uri).set_registered_model_alias(name, channel, number)

    def check(self, uri: str) -> Finding:
        what = f"registry {uri}"
        try:
            _client(uri).search_registered_models(max_results=1)
        except Exception as error:  # the client raises what its transport does
            return Finding(what, "fault", f"{type(error).__name__}: {error}"[:300], "see docs/systems/mlflow.md")
        return Finding(what, "ok", "reachable")


def _client(uri: str) -> Any:
    # No account of use leaves the machine (MLflow 3 sends it by default).
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _experiment(client: Any, uri: str, project: str) -> str:
    found = client.get_experiment_by_name(project)
    if found is not None:
        return str(found.experiment_id)
    local = Path(uri.removeprefix("sqlite:///")).parent / "mlflow-artifacts" if uri.startswith("sqlite:") else None
    return str(client.create_experiment(project, artifact_location=local.as_uri() if local else None))


def _log(client: Any, run_id: str, run: Run) -> None:
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    params = [Param(name, str(value)[:6000]) for name, value in run.params.items()]
    points = [Metric(name, value, now, 0) for name, value in run.metrics.items()]
    points += [Metric(f"curve/{n}", v, now, s) for n, curve in run.curves.items() for s, v in curve]
    client.log_batch(run_id, params=params[:100])
    for begin in range(0, len(points), 1000):  # the store's limit for one batch
        client.log_batch(run_id, metrics=points[begin : begin + 1000])
    for path in run.files:
        client.log_artifact(run_id, str(path))


REGISTRY = MLflow()
