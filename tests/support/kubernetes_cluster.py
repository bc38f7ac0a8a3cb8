"""A real Kubernetes of the test's own, images with bundles in them, and clients that keep count.

with kubernetes_cluster.running(folder, nodes=True) as cluster:
    cluster.load(archive)                # of `docker save`
    cluster("get", "pods")               # kubectl
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker_engine
import pytest
from docker_engine import Engine
from outside import environment, shared, skip_where_forbidden

from modelworks.bundle import open_manifest

FREE = 0.18
"""Share of the disk that is free before a node starts."""


@dataclass(frozen=True)
class Cluster:
    """A cluster that is up."""

    folder: Path
    script: Path

    @property
    def kubectl(self) -> str:
        return str(self.folder / "bin" / "kubectl")

    @property
    def config(self) -> str:
        return str(self.folder / "kubeconfig")

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": self.config}

    def run(self, *words: str | Path, stdin: str = "", seconds: float = 120) -> subprocess.CompletedProcess[str]:
        command = [self.kubectl, *map(str, words)]
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, env=self.env, timeout=seconds, check=False
        )

    def __call__(self, *words: str | Path, stdin: str = "", seconds: float = 120) -> str:
        done = self.run(*words, stdin=stdin, seconds=seconds)
        assert done.returncode == 0, f"kubectl {' '.join(map(str, words))}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout.strip()

    def read(self, *words: str) -> Any:
        return json.loads(self("get", *words, "--output=json"))

    def load(self, archive: Path) -> None:
        subprocess.run([self.script, "load", self.folder, archive], check=True, stdout=subprocess.DEVNULL, timeout=600)

    def push(self, image: str, name: str) -> str:
        """Push an image that the node has to a registry without TLS, as NAME, and forget that name; NAME@DIGEST."""
        socket = re.findall(r'address = "(.+\.sock)"', (self.folder / "containerd.toml").read_text())[0]
        images = ["ctr", "--address", socket, "--namespace", "k8s.io", "images"]
        for words in (["tag", f"docker.io/library/{image}", name], ["push", "--plain-http", name]):
            subprocess.run([*images, *words], check=True, stdout=subprocess.DEVNULL, timeout=600)
        listed = subprocess.run([*images, "ls", f"name=={name}"], check=True, capture_output=True, text=True)
        subprocess.run([*images, "rm", name], check=True, stdout=subprocess.DEVNULL)
        return f"{name.rpartition(':')[0]}@{listed.stdout.splitlines()[1].split()[2]}"

    def defines(self, *names: str) -> None:
        """Wait until definitions of custom resources are taken up; `kubectl wait` stumbles over a young one."""
        waits = ("wait", "--for=condition=Established", "--timeout=20s", *(f"crd/{name}" for name in names))
        within(120, lambda: self.run(*waits).returncode == 0, "definitions")

    @contextlib.contextmanager
    def namespace(self, name: str) -> Iterator[str]:
        self("create", "namespace", name)
        try:
            yield name
        finally:
            self("delete", "namespace", name, "--wait=false")

    def address(self, namespace: str, service: str) -> str:
        """The Service's own, which this machine reaches too."""
        return str(self.read("service", service, f"--namespace={namespace}")["spec"]["clusterIP"])


@contextlib.contextmanager
def running(folder: Path, *, nodes: bool) -> Iterator[Cluster]:
    """Start it with all its state in a folder, and stop it."""
    script = shared("MODELWORKS_KUBERNETES", "kubernetes") / "cluster"
    environment("kubernetes")
    if nodes and os.geteuid() != 0:
        pytest.skip("a Kubernetes node of one's own needs root")
    disk = shutil.disk_usage(folder)
    if nodes and disk.free < FREE * disk.total:
        pytest.skip(
            f"a kubelet removes images where the disk is 85 % full; {disk.free / disk.total:.0%} of it are free"
        )
    try:
        done = subprocess.run(
            [script, "up", folder, *(["--nodes"] if nodes else [])], capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip
        if done.returncode:
            skip_where_forbidden(done.stderr)
        assert done.returncode == 0, done.stderr[-3000:]
        yield Cluster(folder, script)
    finally:
        subprocess.run([script, "down", folder], check=False, stdout=subprocess.DEVNULL, timeout=120)


def bake(engine: Engine, bundles: dict[str, Path], into: Path, broken: str = "") -> Path:
    """One archive with an image a bundle, `moods:<start of its id>`; the bundle of `broken` is altered in its image."""
    tags = []
    for name, bundle in bundles.items():
        context = into / name
        shutil.copytree(bundle, context / "bundle")
        if name == broken:
            file = context / "bundle" / "tokenizer.json"
            file.write_text(file.read_text().replace("wonderful", "wonderfil"))
        (context / "Dockerfile").write_text(f"FROM {docker_engine.SERVING}\nCOPY bundle /bundle\n")
        tags.append(f"moods:{open_manifest(bundle).id[:12]}")
        engine("build", "--network", "none", "--tag", tags[-1], context)
    archive = into / "images.tar"
    engine("save", "--output", archive, *tags, seconds=900)
    return archive


@dataclass
class Load:
    """Clients that ask again and again on connections that they keep; every request that was sent must be answered."""

    host: str
    answered: Counter[int] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def until(self, number: int, seconds: float = 60) -> None:
        """Wait until so many more were answered."""
        wanted, end = self.answered.total() + number, time.monotonic() + seconds
        while self.answered.total() < wanted:
            assert time.monotonic() < end, f"only {self.answered} within {seconds:.0f} s; lost: {self.lost[:3]}"
            time.sleep(0.05)

    def ask(self, body: bytes) -> None:
        door = http.client.HTTPConnection(self.host, timeout=60)
        while not self._over.wait(0.02):
            try:
                if door.sock is None:
                    door.connect()
            except OSError:  # nothing was sent: it may be tried again
                door.close()
                continue
            try:
                door.request("POST", "/predict", body)
                answer = door.getresponse()
                answer.read()
                self.answered[answer.status] += 1
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(repr(error))
                door.close()
        door.close()


def inputs(number: int) -> bytes:
    """A request of long texts."""
    return json.dumps({"inputs": [{"text": "a good film " * 10_000}] * number}).encode()


MIXED = (inputs(4), json.dumps({"text": "a fine film"}).encode(), json.dumps({"text": "a fine film"}).encode())


@contextlib.contextmanager
def load(host: str, clients: int = 3, bodies: Sequence[bytes] = MIXED) -> Iterator[Load]:
    """A load in the background; the clients take the bodies in turn."""
    made = Load(host)
    threads = [threading.Thread(target=made.ask, args=(bodies[n % len(bodies)],)) for n in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        made._over.set()
        for thread in threads:
            thread.join(90)


def within(seconds: float, true: Callable[[], Any], what: str = "") -> Any:
    """What `true` gives once it is true; the test fails when that takes longer."""
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what or true}"
        time.sleep(0.3)
    return found
