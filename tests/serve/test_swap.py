"""A promotion changes the model between two requests; a bad bundle changes nothing."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from modelworks.bundle import open_manifest
from modelworks.core import config, lock, paths
from modelworks.core.errors import ConfigError
from modelworks.serve.app import App
from modelworks.serve.message import Request
from modelworks.serve.models import Models, Source
from modelworks.serve.stats import Stats


@pytest.fixture(scope="module")
def releases(tmp_path_factory, bundle_maker) -> list[Path]:
    folder = tmp_path_factory.mktemp("releases")
    return [bundle_maker(folder / str(seed), seed=seed) for seed in (1, 2)]


def promote(project: Path, bundle: Path, version: int, *, put: bool = True) -> str:
    manifest = open_manifest(bundle)
    if put:
        shutil.copytree(bundle, paths.bundle(project, manifest.id), dirs_exist_ok=True)
    pin = lock.Pin(bundle=manifest.id, version=version)
    lock.write(project, lock.Lock(channels={"champion": version}, releases=(pin,)))
    return manifest.id


async def until(condition) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within 5 s")


def ready(app: App) -> dict:
    return json.loads(app(Request("GET", "/readyz")).body)


def started(project: Path) -> App:
    stats = Stats()
    return App(Models(Source(project=project, channel="champion"), config.Serve(), stats), stats)


def test_a_promotion_is_followed_and_requests_in_flight_finish_on_the_old_model(project, releases):
    async def go():
        old = promote(project, releases[0], 1)
        app = started(project)
        loop = asyncio.get_running_loop()
        assert (ready(app)["bundle"], ready(app)["version"]) == (old, "1")
        ask = Request("POST", "/predict", body=b'{"text": "a good film"}')
        before = await app(ask)
        new = promote(project, releases[1], 2)
        in_flight = app(ask)
        app.models.watch(loop.call_soon_threadsafe)
        await until(lambda: ready(app)["bundle"] == new)
        after = await app(ask)
        assert (await in_flight).body == before.body != after.body
        assert ready(app)["version"] == "2"
        assert app.stats.swaps == {"done": 1, "failed": 0}
        app.models.tick()
        assert app.models.outstanding() == 0

    asyncio.run(go())


@pytest.mark.parametrize("fault", ["missing", "altered", "lock"])
def test_a_bad_bundle_leaves_the_old_one_serving_and_says_so(project, releases, fault):
    async def go():
        old = promote(project, releases[0], 1)
        app = started(project)
        loop = asyncio.get_running_loop()
        bad = promote(project, releases[1], 2, put=fault != "missing")
        if fault == "altered":
            path = paths.bundle(project, bad) / "graphs" / "model.onnx"
            path.write_bytes(path.read_bytes()[:-1] + b"x")
        if fault == "lock":
            (project / lock.FILE).write_text("{")
        app.models.watch(loop.call_soon_threadsafe)
        await until(lambda: app.models.problem)
        facts = ready(app)
        assert (facts["ready"], facts["bundle"]) == (True, old)
        assert facts["problem"]
        assert app.stats.swaps["failed"] == 1
        assert (await app(Request("POST", "/predict", body=b'{"text": "good"}'))).status == 200
        metrics = app(Request("GET", "/metrics")).body.decode()
        assert "modelworks_newest_bundle_serves 0.0" in metrics
        promote(project, releases[0], 1)  # rolled back
        app.models.watch(loop.call_soon_threadsafe, force=True)
        await until(lambda: not app.models.problem)

    asyncio.run(go())


def test_an_unchanged_lock_is_not_read_again(project, releases):
    async def go():
        promote(project, releases[0], 1)
        app = started(project)
        app.models.watch(asyncio.get_running_loop().call_soon_threadsafe)
        assert app.models._opening is None

    asyncio.run(go())


def test_a_channel_without_a_release_says_what_to_do(project):
    with pytest.raises(ConfigError, match="modelworks run"):
        Source(project=project, channel="champion").find()
