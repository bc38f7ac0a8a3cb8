"""A Docker engine for tests, a base image without a pull, and the serving image of this checkout.

In a test of tests/systems: the session fixtures `docker` (an Engine) and `serving_image` (its name, without a model).
Elsewhere:

    with docker_engine.running() as engine:
        name = docker_engine.serving(engine, lambda: docker_engine.exported(folder))
        engine("run", "--detach", "--publish", f"127.0.0.1:{port}:8080", "--volume", f"{bundle}:/bundle:ro", name)

$DOCKER_HOST is used when it is set; else a containerd and a dockerd of the test's own are started, as root, with their
own folders, sockets and bridge, and without a change to the machine's iptables: containers reach each other and are
reached at published ports of loopback, and reach outward only with `--network host`. Where the machine drops what is
forwarded between bridges (`iptables -P FORWARD DROP`, left by an engine with iptables), containers do not meet.
Builds need no network: wheels are downloaded by this machine's pip once, into .venvs/docker/wheels.
$MODELWORKS_TEST_BASE names a base image to take in place of the Debian one that mmdebstrap makes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from outside import ROOT, environment, server, skip_where_forbidden

BASE = "modelworks-test/python:bookworm"
SERVING = "modelworks-test/serving:1"
PYTHON = "3.11"
"""What Debian bookworm has."""


@dataclass(frozen=True)
class Engine:
    """A reachable engine and the client that can build with BuildKit."""

    host: str
    client: str

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}

    def run(self, *arguments: str | Path, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        command = [self.client, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=self.env, timeout=seconds, check=False)

    def __call__(self, *arguments: str | Path, seconds: float = 300) -> str:
        """What the client printed; the test fails with its complaint when it ends badly."""
        done = self.run(*arguments, seconds=seconds)
        assert done.returncode == 0, (
            f"docker {' '.join(map(str, arguments))}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        )
        return done.stdout.strip()

    def size(self, image: str) -> int:
        return int(self("image", "inspect", "--format", "{{.Size}}", image))


def client() -> str:
    """A docker client that builds with BuildKit: old ones do alone, newer ones need the plugin buildx."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if path := shutil.which("docker", path=folder):
            told = subprocess.run([path, "build", "--help"], capture_output=True, text=True, check=False,
                                  env={**os.environ, "DOCKER_BUILDKIT": "1"})  # fmt: skip
            if "--secret" in told.stdout and "buildx component is missing" not in told.stderr:
                return path
    pytest.skip("no docker client that can build with BuildKit")


@contextlib.contextmanager
def running() -> Iterator[Engine]:
    """The engine at $DOCKER_HOST, or one of the test's own, ended with all that it ran."""
    environment("docker")
    if host := os.environ.get("DOCKER_HOST"):
        yield Engine(host, client())
        return
    if os.geteuid() != 0:
        pytest.skip("a Docker engine of one's own needs root; or set DOCKER_HOST")
    folder = Path(tempfile.mkdtemp(prefix="modelworks-docker-"))  # sockets have short paths
    try:
        with _bridge() as bridge, _containerd(folder) as socket, _dockerd(folder, socket, bridge) as engine:
            yield engine
    finally:
        _unmount(folder)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _bridge() -> Iterator[str]:
    number = os.getpid() % 250 + 1
    name = f"mwdock{number}"
    commands = (["add", "name", name, "type", "bridge"], ["set", name, "up"])
    subprocess.run(["ip", "link", "del", name], capture_output=True, check=False)
    for command in commands:
        done = subprocess.run(["ip", "link", *command], capture_output=True, text=True, check=False)
        if done.returncode:
            skip_where_forbidden(done.stderr)
            pytest.fail(f"{done.args}: {done.stderr}")
    subprocess.run(["ip", "address", "add", f"172.29.{number}.1/24", "dev", name], check=True)
    try:
        yield name
    finally:
        subprocess.run(["ip", "link", "del", name], capture_output=True, check=False)


@contextlib.contextmanager
def _containerd(folder: Path) -> Iterator[Path]:
    socket, config = folder / "containerd.sock", folder / "containerd.toml"
    config.write_text('version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
    command = ["containerd", "--config", config, "--address", socket, "--root", folder / "c", "--state", folder / "cs"]
    with server(command, folder / "containerd.log") as process:
        _until(socket.exists, process, folder / "containerd.log")
        yield socket


@contextlib.contextmanager
def _dockerd(folder: Path, containerd: Path, bridge: str) -> Iterator[Engine]:
    engine = Engine(f"unix://{folder}/docker.sock", client())
    number = int(bridge.removeprefix("mwdock"))
    command = [
        "dockerd", "--host", engine.host, "--containerd", containerd, "--data-root", folder / "data",
        "--exec-root", folder / "exec", "--pidfile", folder / "pid", "--bridge", bridge, "--iptables=false",
        "--ip-masq=false", "--ip", "127.0.0.1", "--default-address-pool", f"base=172.30.{number}.0/24,size=27",
    ]  # fmt: skip
    with server(command, folder / "dockerd.log") as process:
        _until(lambda: engine.run("version", seconds=20).returncode == 0, process, folder / "dockerd.log")
        try:
            yield engine
        finally:
            if left := engine("ps", "--all", "--quiet").split():
                engine("rm", "--force", "--volumes", *left)


def _until(true: object, process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        if process.poll() is not None or time.monotonic() > end:
            told = log.read_text(errors="replace")[-3000:]
            skip_where_forbidden(told)
            pytest.fail(f"{process.args} did not come up:\n{told}")
        time.sleep(0.1)


def _unmount(folder: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)


def base_image(engine: Engine) -> str:
    """An image with Python and pip: the one of $MODELWORKS_TEST_BASE, or Debian's, made once on this machine."""
    if given := os.environ.get("MODELWORKS_TEST_BASE"):
        return given
    if engine.run("image", "inspect", BASE).returncode:
        engine("import", debian(), BASE)
    return BASE


def debian() -> Path:
    """The archive of a Debian with Python and pip: made once on this machine."""
    path = ROOT / ".venvs" / "docker" / "debian-python.tar"
    sources = [p for p in ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list") if Path(p).is_file()]
    with _once(path) as part:
        if part is not None:
            include = "--include=python3,python3-pip,ca-certificates"
            command = ["mmdebstrap", "--quiet", "--variant=minbase", include, "bookworm", part, *sources[:1]]
            subprocess.run([str(word) for word in command], check=True, timeout=1200)
    return path


@contextlib.contextmanager
def _once(path: Path) -> Iterator[Path | None]:
    """A place to make a file in, or None when it is there; two at once wait for each other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / f".{path.name}.lock").open("w") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        part = path.with_name(f".{path.stem}.part{path.suffix}")
        yield None if path.exists() else part
        if part.exists():
            part.replace(path)


def exported(folder: Path, name: str = "moods", *, wheels: bool = True, **options: str) -> Path:
    """A project in `folder` with what `modelworks export docker` writes; `deploy/docker` of it, with wheels inside."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "modelworks.yaml").write_text(f"name: {name}\ntask: sentiment-analysis\ndata: {{source: data.csv}}\n")
    chosen = [part for key, value in options.items() for part in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "modelworks", "export", "docker", *chosen]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL)
    context = folder / "deploy" / "docker"
    if wheels:
        for made in (wheels_of_dependencies(), wheel_of_checkout()):
            shutil.copytree(made, context / "wheels", dirs_exist_ok=True)
    return context


def wheels_of_dependencies() -> Path:
    """Wheels of all that serving needs, as pinned in constraints.txt: downloaded once."""
    pins = (ROOT / "constraints.txt").read_bytes()
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    name = hashlib.sha256(pins + "\n".join(needed).encode()).hexdigest()[:16]
    path = ROOT / ".venvs" / "docker" / "wheels" / name
    with _once(path) as part:
        if part is not None:
            only = ["--only-binary=:all:", "--python-version", PYTHON, "--constraint", ROOT / "constraints.txt"]
            _pip("download", *only, "--dest", part, *needed)
    return path


def sources() -> list[str]:
    """What the wheel of this checkout is made from."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "src"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name in ["pyproject.toml", "README.md", "LICENSE", *names] if (ROOT / name).is_file()]


def wheel_of_checkout() -> Path:
    """A folder with the wheel of this checkout as it stands, from a copy, so that nothing of earlier builds gets in.
    Made once: other bytes would make BuildKit install everything anew."""
    path = ROOT / ".venvs" / "docker" / "wheel" / _as_it_stands()
    with _once(path) as part, tempfile.TemporaryDirectory() as copy:
        if part is not None:
            for old in path.parent.glob("[!.]*"):  # of other states of the sources
                shutil.rmtree(old)
            for name in sources():
                (Path(copy) / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, Path(copy) / name)
            _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", part, copy)
    return path


def _pip(*words: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, words)]
    subprocess.run(command, check=True, timeout=900)


def build(engine: Engine, context: Path, tag: str, *arguments: str | Path, **build_args: str) -> str:
    """Build an exported context on the base image, from its wheels alone. Arguments come before the context."""
    settings = context.with_name(f"{context.name}.pip.conf")
    settings.write_text("[global]\nno-index = true\nfind-links = /context\n")
    given = [part for key, value in build_args.items() for part in ("--build-arg", f"{key}={value}")]
    engine(
        "build", "--network", "none", "--secret", f"id=pip.conf,src={settings}", "--tag", tag,
        "--build-arg", f"BASE={base_image(engine)}", *given, *arguments, context, seconds=900,
    )  # fmt: skip
    return tag


def serving(engine: Engine, context: Callable[[], Path]) -> str:
    """The serving image without a model (mount a bundle at /bundle), of this checkout as it stands: built once, for all
    engines of this machine."""
    path = ROOT / ".venvs" / "docker" / "serving" / f"{_as_it_stands()}.tar"
    with _once(path) as part:
        if part is not None:
            for old in path.parent.glob("*.tar"):
                old.unlink()
            build(engine, context(), SERVING)
            engine("save", "--output", part, SERVING, seconds=900)
            return SERVING
    engine("load", "--input", path, seconds=900)
    return SERVING


def _as_it_stands() -> str:
    """A hash of all that goes into the serving image."""
    made = hashlib.sha256(os.environ.get("MODELWORKS_TEST_BASE", "").encode())
    for name in [*sources(), "constraints.txt", "tests/support/docker_engine.py"]:
        made.update(name.encode() + hashlib.sha256((ROOT / name).read_bytes()).digest())
    return made.hexdigest()[:16]


def bare(path: Path) -> Path:
    """The archive of an image with nothing but a place for temporary files and one for a project."""
    with tarfile.open(path, "w") as tar:
        for name in ("tmp", "project"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(folder, io.BytesIO())
    return path


def this_machine() -> tuple[list[str], dict[str, str]]:
    """Folders to show in a bare container, read-only, and its environment, with which `modelworks` of this checkout
    runs there."""
    places = [place for place in ("/usr", "/etc", "/lib", "/lib64", "/bin", "/opt") if Path(place).is_dir()]
    places += sorted({str(Path(sys.executable).resolve().parents[1]), sys.prefix, str(ROOT)})
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return places, {"PATH": path, "PYTHONPATH": str(ROOT / "src"), "HOME": "/tmp"}
