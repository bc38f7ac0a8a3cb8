"""`modelworks batch --on ray` on a real cluster: the bytes of one process, whatever dies."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from outside import free_port
from ray_cluster import Nodes, processes
from tiny_bundles import WORDS, make_text_bundle

from modelworks.cli.main import group
from modelworks.core.errors import ConfigError, StepError

pytestmark = pytest.mark.systems
pytest.importorskip("ray.data", reason="pip install 'modelworks[ray]'")


@pytest.fixture
def files(project: Path) -> Path:
    """A bundle, and a file of 5000 lines of which each answers otherwise."""
    make_text_bundle(project / "one")
    texts = (" ".join(WORDS[(n * k) % len(WORDS)] for k in range(1, 3 + n % 9)) for n in range(5000))
    (project / "in.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return project


def batch(*arguments: str) -> Any:
    result = CliRunner().invoke(group, ["batch", "one", *arguments, "--json"], standalone_mode=False)
    if result.exception:
        raise result.exception
    return json.loads(result.stdout)


def started(*arguments: str) -> subprocess.Popen[str]:
    """The command in a process of its own: Ray keeps handles of one use of a process for the next."""
    words = [sys.executable, "-m", "modelworks", "batch", "one", *arguments, "--json"]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def on(ray_nodes: Nodes) -> tuple[str, ...]:
    return ("--on", "ray", "--set", f"address={ray_nodes.address}", "--set", "workers=2")


def test_a_bad_line_stops_there_and_the_run_goes_on_when_it_is_mended(files: Path, ray_nodes: Nodes) -> None:
    lines = (files / "in.jsonl").read_bytes().splitlines(keepends=True)
    (files / "bad.jsonl").write_bytes(b"".join([*lines[:3000], b"no JSON\n", *lines[3001:]]))
    stopped = "".join(started("bad.jsonl", "mended", *on(ray_nodes)).communicate(timeout=300))
    assert "not JSON" in stopped
    assert "bad.jsonl:3001" in stopped
    assert not (files / "mended").exists()
    state = json.loads((files / "mended.part.json").read_text())
    assert 0 < state["lines"] <= 3000
    (files / "bad.jsonl").write_bytes(b"".join(lines))
    batch("in.jsonl", "alone")
    run = started("bad.jsonl", "mended", *on(ray_nodes))
    assert json.loads(run.communicate(timeout=300)[0])["lines"] == 5000
    assert (files / "mended").read_bytes() == (files / "alone").read_bytes()


def test_a_node_that_is_killed_costs_nothing(files: Path, ray_nodes: Nodes) -> None:
    """The bytes are those of one process: nothing is lost and nothing there twice. A bad line is answered."""
    with open("in.jsonl", "a") as stream:
        stream.write("no JSON\n")
    batch("in.jsonl", "alone", "--skip-bad")
    run = started("in.jsonl", "out", "--skip-bad", *on(ray_nodes))
    until = time.monotonic() + 180
    while not _begun() and run.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    ray_nodes.kill(processes("ray::MapWorker")[0])
    said, errors = run.communicate(timeout=300)
    assert run.returncode == 0, errors
    facts = json.loads(said)
    assert (facts["lines"], facts["bad"]) == (5001, 1)
    assert Path("out").read_bytes() == Path("alone").read_bytes()


def _begun() -> bool:
    """Whether answers are there, and not all."""
    part = Path("out.part")
    return part.exists() and part.stat().st_size > 0


def test_what_cannot_be_is_said(files: Path, ray_nodes: Nodes) -> None:
    with pytest.raises(StepError, match="no Ray cluster answers"):
        batch("in.jsonl", "out", "--on", "ray", "--set", f"address=127.0.0.1:{free_port()}")
    with pytest.raises(ConfigError, match="no such option"):
        batch("in.jsonl", "out", *on(ray_nodes), "--set", "core=2")
    with pytest.raises(ConfigError, match="not of type"):
        batch("in.jsonl", "out", *on(ray_nodes), "--set", "cpus=many")
