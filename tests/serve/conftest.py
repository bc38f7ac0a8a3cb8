"""Fixtures of the server's tests."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from tiny_bundles import make_image_bundle, make_text_bundle

from modelworks.bundle import Predictor
from modelworks.core import config
from modelworks.serve.app import App
from modelworks.serve.message import Pending, Request, Response
from modelworks.serve.models import Models, Source
from modelworks.serve.stats import Stats


@pytest.fixture(scope="session")
def text_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_text_bundle(tmp_path_factory.mktemp("bundles") / "text")


@pytest.fixture(scope="session")
def image_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_image_bundle(tmp_path_factory.mktemp("bundles") / "image")


@pytest.fixture(scope="session")
def predictor(text_bundle: Path) -> Predictor:
    return Predictor.open(text_bundle, threads=1)


@pytest.fixture(scope="session")
def bundle_maker():
    """The maker of text bundles, for tests that need several."""
    return make_text_bundle


@pytest.fixture(scope="session")
def ask():
    """ask(bundle, [(method, path, body, headers)…], settings) -> responses of the app, without a socket."""
    return ask_app


def ask_app(bundle: Path, requests: list[tuple], **settings: object) -> list[Response]:
    async def all_at_once() -> list[Response]:
        stats = Stats()
        app = App(Models(Source(bundle), config.Serve(**settings), stats), stats)
        results = [app(request_of(*request)) for request in requests]
        return [await result if isinstance(result, Pending) else result for result in results]

    return asyncio.run(all_at_once())


def request_of(method: str, path: str, body: bytes = b"", headers: dict[bytes, bytes] | None = None) -> Request:
    path, _, query = path.partition("?")
    return Request(method, path, query, headers or {}, body)
