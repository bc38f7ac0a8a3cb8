"""MLflow: a run with nested runs for its parts, the dataset as input, and a bundle as a model version with aliases.

The URI is a database (`sqlite:///…`) or a tracking server (`http://…`; credentials through MLflow's own environment
variables). The bundle is stored as plain files with an `MLmodel` beside them: no pickle.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from modelworks.adapters.registries import _mlflow_flavor as flavor
from modelworks.adapters.registries._mlflow_calls import calls, given, is_absent, shown
from modelworks.contracts.check import Finding
from modelworks.contracts.registry import Data, Run
from modelworks.core.errors import ModelworksError

PREFIX = "modelworks."
EVENTS = ("model_version.created", "model_version_alias.created", "model_version_alias.deleted")
_OWN = {"commit": "mlflow.source.git.commit", "parent": "mlflow.parentRunId"}
"""Tags that MLflow has a name for."""
_TEXT, _NAME = 5000, 250
"""Most characters of a description, and of a name, that its stores hold."""


class MLflow:
    """Runs and versions in an MLflow tracking store and model registry."""

    def record(self, uri: str, run: Run) -> str:
        with calls(uri) as client:
            return _record(client, _experiment(client, uri, run.project), run, {})

    def register(
        self, uri: str, run_id: str, project: str, bundle: Path, tags: Mapping[str, str], description: str = ""
    ) -> str:
        if known := self.find(uri, project, tags["bundle"]):
            return known
        with calls(uri) as client:
            _model(client, project, tags)
            client.log_artifacts(run_id, str(bundle), f"{flavor.FOLDER}/{flavor.BUNDLE}")
            with tempfile.TemporaryDirectory() as folder:
                flavor.write(Path(folder), bundle, run_id)
                client.log_artifacts(run_id, folder, flavor.FOLDER)
            source = f"{client.get_run(run_id).info.artifact_uri}/{flavor.FOLDER}"
            version = client.create_model_version(
                project, source=source, run_id=run_id, tags=_tags(tags), description=description[:_TEXT]
            )
            return _name(project, version)

    def find(self, uri: str, project: str, bundle: str) -> str | None:
        with calls(uri) as client:
            wanted = f"name = {_quoted(project)} and tags.`{PREFIX}bundle` = '{bundle}'"
            found = client.search_model_versions(wanted, max_results=1)
            return _name(project, found[0]) if found else None

    def alias(self, uri: str, version: str, channel: str) -> None:
        name, _, number = version.removeprefix("mlflow:").rpartition("/")
        with calls(uri) as client:
            client.set_registered_model_alias(name, channel, number)
            given(client.get_model_version_by_alias(name, channel).version, "version of the alias")

    def webhook(self, uri: str, project: str, url: str, secret: str) -> str:
        with calls(uri) as client:
            known = next((hook for hook in _webhooks(client) if hook.url == url), None)
            if known is not None:
                client.update_webhook(known.webhook_id, events=list(EVENTS), secret=secret or None)
                return f"changed webhook {known.webhook_id}"
            made = client.create_webhook(f"modelworks-{project}", url, list(EVENTS), secret=secret or None)
            return f"made webhook {given(made.webhook_id, 'webhook')}"

    def check(self, uri: str) -> Finding:
        what = f"registry {shown(uri)}"
        if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
            return Finding(what, "ok", "made with the first release")
        try:
            with calls(uri, patient=False) as client:
                client.search_registered_models(max_results=1)
                # any server may answer that nothing was found; MLflow has this experiment from the start
                given(getattr(client.get_experiment("0"), "experiment_id", None), "experiment")
        except ModelworksError as error:
            return Finding(what, "fault", error.message, error.hint)
        return Finding(what, "ok", "reachable")


def _record(client: Any, experiment: str, run: Run, more: Mapping[str, str]) -> str:
    """The run's identifier; `more` are tags. It is finished last, so that a run which broke off is gone on with."""
    wanted = f"tags.`{PREFIX}key` = {_quoted(run.tags['key'])}"
    found = client.search_runs([experiment], wanted, max_results=1)
    if found and found[0].info.status == "FINISHED":
        return given(found[0].info.run_id, "run")
    # times come from the run itself: figures told twice are then the same figures
    began = int((run.started or time.time()) * 1000)
    if found:
        run_id, began = given(found[0].info.run_id, "run"), found[0].info.start_time
    else:
        tags = {**_tags({**run.tags, **more}), "mlflow.runName": run.name, "mlflow.source.name": "modelworks run"}
        if run.description:
            tags["mlflow.note.content"] = run.description[:_TEXT]
        run_id = given(client.create_run(experiment, start_time=began, tags=tags).info.run_id, "run")
    _log(client, run_id, run, began)
    for child in run.children:
        _record(client, experiment, child, {"parent": run_id})
    client.set_terminated(run_id, end_time=began + int(run.seconds * 1000))
    return run_id


def _experiment(client: Any, uri: str, project: str) -> str:
    found = client.get_experiment_by_name(project)
    if found is not None:
        return given(found.experiment_id, "experiment")
    local = Path(uri.removeprefix("sqlite:///")).parent / "mlflow-artifacts" if uri.startswith("sqlite:") else None
    made = client.create_experiment(project, artifact_location=local.as_uri() if local else None)
    return given(made, "experiment")


def _model(client: Any, project: str, tags: Mapping[str, str]) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(project)
    except MlflowException as error:
        if not is_absent(error):
            raise
        client.create_registered_model(project, tags=_tags({"task": tags["task"]} if "task" in tags else {}))


def _log(client: Any, run_id: str, run: Run, began: int) -> None:
    from mlflow.entities import Metric, Param

    params = [Param(_plain(name), str(value)[:6000]) for name, value in run.params.items()]
    points = [Metric(_plain(name), value, began, 0) for name, value in run.metrics.items()]
    points += [Metric(f"curve/{_plain(n)}", v, began, s) for n, curve in run.curves.items() for s, v in curve]
    points += [
        Metric(f"system/{_plain(name)}", value, began + int(after * 1000), step)
        for name, samples in run.machine.items() for step, (after, value) in enumerate(samples)
    ]  # fmt: skip
    for some in _portions(params, 100):  # the store's limits for one batch
        client.log_batch(run_id, params=some)
    for some in _portions(points, 1000):
        client.log_batch(run_id, metrics=some)
    if run.data is not None:
        client.log_inputs(run_id, [_input(run.data)])
    for path in run.files:
        if Path(path).exists():
            client.log_artifact(run_id, path)


def _input(data: Data) -> Any:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    columns = [{"name": name, "type": "string", "required": True} for name in data.columns]
    dataset = Dataset(
        name=data.name, digest=data.digest[:36], source_type="modelworks",
        source=json.dumps({"uri": data.source, "dataset": data.digest}),
        schema=json.dumps({"mlflow_colspec": columns}), profile=json.dumps({"splits": data.splits}),
    )  # fmt: skip
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def _webhooks(client: Any) -> Iterator[Any]:
    token = None
    while True:
        page = client.list_webhooks(page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _portions(items: list[Any], most: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while some := list(islice(rest, most)):
        yield some


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {_OWN.get(name, PREFIX + name): value for name, value in tags.items() if value}


def _name(project: str, version: Any) -> str:
    return f"mlflow:{project}/{given(version.version, 'version')}"


def _plain(name: str) -> str:
    """A name of what MLflow allows in the names of parameters and figures."""
    return "".join(letter if letter.isalnum() or letter in "_-. /:" else "_" for letter in name)[:_NAME]


def _quoted(text: str) -> str:
    return f'"{text}"' if "'" in text else f"'{text}'"


REGISTRY = MLflow()
