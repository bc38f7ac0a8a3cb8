import time
from pathlib import Path

import pytest
from tiny_bundles import make_text_bundle

from modelworks.contracts.registry import Refused, RegistryError, Run
from modelworks.core import paths
from modelworks.core.config import Release
from modelworks.core.lock import Pin
from modelworks.stages.release import channels, outbox, pending, start, sync


def entry(project: Path, key: str = "k" * 64, **changed: object) -> outbox.Entry:
    bundle = paths.bundle(project, "b" * 64)
    if not bundle.exists():
        make_text_bundle(bundle)
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
    files = {file.path.removeprefix("model/") for file in client.list_artifacts(version.run_id, "model")}
    assert files == {"MLmodel", "bundle", "conda.yaml", "python_env.yaml", "requirements.txt"}
    assert len(client.search_model_versions("name = 'incidents'")) == 1


def test_a_registry_that_fails_keeps_the_entry_and_says_why(project: Path) -> None:
    outbox.put(project, entry(project, registry="no-such-registry"))
    outbox.put(project, entry(project, key="z" * 64, registry="none"))
    failed = sync(project)
    assert [e.registry for e in failed] == ["no-such-registry"]
    assert [e.error for e in pending(project)] == ["there is no 'no-such-registry' among the registries"]


class Sink:
    """A registry that says what it is told, and fails with the errors it was given."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.errors: dict[str, Exception] = {}
        self.versions: dict[str, str] = {}

    def record(self, uri: str, run: Run) -> str:
        self.told.append(f"run {run.tags['key'][:1]}")
        if error := self.errors.get(run.tags["key"][:1]):
            raise error
        return "run"

    def register(
        self, uri: str, run_id: str, project: str, bundle: Path, tags: dict[str, str], description: str
    ) -> str:
        return self.versions.setdefault(tags["bundle"], f"fake:{len(self.versions) + 1}")

    def find(self, uri: str, project: str, bundle: str) -> str | None:
        return self.versions.get(bundle)

    def alias(self, uri: str, version: str, channel: str) -> None:
        self.told.append(f"{channel} {version}")


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Sink:
    sink = Sink()
    monkeypatch.setattr(outbox, "sink_of", lambda name: sink)
    return sink


def test_what_was_refused_waits_until_asked_or_until_something_is_taken(project: Path, sink: Sink) -> None:
    sink.errors["a"] = Refused("no", hint="say please")
    outbox.put(project, entry(project, key="a" * 64))
    assert [(e.error, e.refused) for e in sync(project, due=True)] == [("no; say please", True)]
    assert [e.key[0] for e in sync(project, due=True)] == ["a"]
    assert sink.told == ["run a"]
    sync(project)
    assert sink.told == ["run a"] * 2
    sink.errors.clear()
    outbox.put(project, entry(project, key="c" * 64))
    assert sync(project, due=True) == []
    assert [text for text in sink.told if text.startswith("run")] == ["run a", "run a", "run c", "run a"]


def test_a_registry_that_is_away_is_asked_once(project: Path, sink: Sink) -> None:
    sink.errors["a"] = RegistryError("away")
    for key in "abc":
        outbox.put(project, entry(project, key=key * 64))
    assert [e.error for e in sync(project)] == ["away"] * 3
    assert sink.told == ["run a"]
    assert not any(e.refused for e in pending(project))


def test_late_news_does_not_move_a_channel_back(project: Path, sink: Sink) -> None:
    old, new = "1" * 64, "2" * 64
    for bundle in (old, new):
        paths.bundle(project, bundle).mkdir(parents=True)
        channels.add(project, Pin(bundle=bundle, version=0))
    outbox.put(project, entry(project, key="z" * 64, bundle=old))  # delivered last, by its key
    outbox.put(project, entry(project, key="a" * 64, bundle=new))
    assert sync(project) == []
    assert [text for text in sink.told if text.startswith("champion")] == ["champion fake:1"]


def test_the_registry_follows_a_rollback(project: Path, sink: Sink) -> None:
    for key, bundle in (("a" * 64, "1" * 64), ("c" * 64, "2" * 64)):
        paths.bundle(project, bundle).mkdir(parents=True)
        channels.add(project, Pin(bundle=bundle, version=0))
        outbox.put(project, entry(project, key=key, bundle=bundle))
        assert sync(project) == []
    channels.rollback(project)
    outbox.put_moved(project, "incidents", Release(), "champion")
    assert sync(project) == []
    assert sink.told[-1] == "champion fake:1"


def test_a_move_waits_for_its_release(project: Path, sink: Sink) -> None:
    paths.bundle(project, "1" * 64).mkdir(parents=True)
    channels.add(project, Pin(bundle="1" * 64, version=0))
    sink.errors["a"] = ValueError("no")
    outbox.put(project, entry(project, key="a" * 64, bundle="1" * 64))
    outbox.put_moved(project, "incidents", Release(), "champion")
    assert [e.error for e in sync(project)] == ["ValueError: no", "release 1 is not in the registry yet"]
    sink.errors.clear()
    assert sync(project) == []
    assert sink.told[-1] == "champion fake:1"


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
