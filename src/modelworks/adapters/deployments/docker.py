"""A Docker engine: build the image with the bundle in it, push it where a registry is named, replace the container.

The new image is first tried in a container without a door. Only when it answers is the old container stopped, which
answers what it had accepted, and the new one put at its port: a gap of seconds. If that fails, the old one goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelworks.contracts.check import Finding
from modelworks.contracts.deployment import Change, Situation
from modelworks.core.errors import StepError

FOLDER = "deploy/docker"
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--pids-limit=128")
LABEL = "io.modelworks.deployed"
"""On images: what they were built from. On containers: that, and how they were started."""


class Docker:
    name = "docker"
    summary = "A Docker engine: the container answers at a port of its machine."
    options: Mapping[str, str] = {
        "host": "", "client": "docker", "registry": "", "address": "127.0.0.1", "port": "8080", "memory": "2g",
        "wait": "120", "pip_conf": "", "base": "python:3.11-slim", "extras": "",
    }  # fmt: skip

    def plan(self, situation: Situation) -> tuple[Change, ...]:
        engine, stands = _engine(situation), _Container(situation)
        seen = stands.look(engine)
        if seen and seen["State"]["Running"] and seen["Config"]["Labels"].get(LABEL) == stands.mark:
            return ()
        image = _image(situation)
        changes = [] if _built(engine, situation) else [Change("create", f"image {image}")]
        if situation.facts.options["registry"]:
            changes.append(Change("run", f"push {image}"))
        return (*changes, Change("replace" if seen else "create", f"container {stands.name} at {stands.door}"))

    def apply(self, situation: Situation) -> dict[str, Any]:
        engine, stands = _engine(situation), _Container(situation)
        seen = stands.look(engine)
        if not _built(engine, situation):
            situation.say("building the image")
            _build(engine, situation)
        image = _push(engine, situation) if situation.facts.options["registry"] else _identity(engine, situation)
        stands.swap(engine, image, stands.mark)
        before = {} if seen is None else {"image": seen["Config"]["Image"], "mark": seen["Config"]["Labels"].get(LABEL)}
        return {"address": f"http://{stands.door}", "image": image, "before": before}

    def undo(self, situation: Situation, applied: Mapping[str, Any]) -> dict[str, Any]:
        engine, stands = _engine(situation), _Container(situation)
        before = applied["before"]
        if not before:
            stands.remove(engine)
            return {"address": f"nowhere: {stands.name} is removed"}
        image = before["image"]
        if "@" in image and engine.fails("image", "inspect", image):
            engine("pull", image, seconds=1800)
        stands.swap(engine, image, before["mark"] or "")
        return {"address": f"http://{stands.door}", "image": image}

    def check(self, options: Mapping[str, str]) -> Finding:
        what = f"docker {options['host']}".strip()
        try:
            return Finding(what, "ok", _Engine(options["client"], options["host"]).version())
        except StepError as error:
            return Finding(what, "fault", str(error.seen or error.message), error.hint)


class _Engine:
    """The client's commands to one engine."""

    def __init__(self, client: str, host: str) -> None:
        self._command = [client, "--host", host] if host else [client]

    def __call__(self, *words: str, seconds: float = 60) -> str:
        done = self._run(words, seconds)
        if done.returncode:
            self.version()  # a better word, when nothing answers at all
            denied = re.search("denied|unauthorized|no basic auth", done.stderr)
            raise StepError(
                f"docker {words[0]} failed", where=" ".join([*self._command, *words])[:300],
                seen=done.stderr.strip()[-1500:], hint="docker login, with the registry's address" if denied else "",
            )  # fmt: skip
        return done.stdout.strip()

    def fails(self, *words: str) -> bool:
        return self._run(words, 60).returncode != 0

    def logs(self, container: str) -> str:
        done = self._run(("logs", "--tail", "20", container), 60)
        return (done.stdout + done.stderr).strip()[-1500:]

    def version(self) -> str:
        done = self._run(("version", "--format", "{{.Server.Version}}"), 10)
        if done.returncode:
            raise StepError(
                "no Docker engine answers", where=" ".join(self._command), seen=done.stderr.strip()[-300:],
                hint="start it, or name one: --set host=ssh://USER@MACHINE",
            )  # fmt: skip
        return done.stdout.strip()

    def _run(self, words: tuple[str, ...], seconds: float) -> subprocess.CompletedProcess[str]:
        command = [*self._command, *words]
        env = {**os.environ, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}
        try:
            return subprocess.run(command, capture_output=True, text=True, env=env, timeout=seconds, check=False)
        except FileNotFoundError as error:
            hint = "install Docker's client, or say where it is: --set client=PATH"
            raise StepError("there is no Docker client", where=command[0], hint=hint) from error
        except subprocess.TimeoutExpired as error:
            raise StepError(f"docker {words[0]} took over {seconds:.0f} s", where=" ".join(command)[:300]) from error


class _Container:
    """The one container of a project on an engine."""

    def __init__(self, situation: Situation) -> None:
        options = situation.facts.options
        self.name, self.door = f"modelworks-{situation.facts.name}", f"{options['address']}:{options['port']}"
        self.mark = _digest(_recipe(situation), self.door, options["memory"], options["registry"])
        self._deadline = float(situation.facts.settings.get("serve", {}).get("deadline", 10.0))
        self._memory, self._wait, self._say = options["memory"], float(options["wait"]), situation.say

    def look(self, engine: _Engine) -> dict[str, Any] | None:
        """What stands now."""
        if engine("ps", "--all", "--quiet", "--filter", f"name=^/?{self.name}$"):
            found: dict[str, Any] = json.loads(engine("container", "inspect", self.name))[0]
            return found
        return None

    def swap(self, engine: _Engine, image: str, mark: str) -> None:
        """Try the image, then put it where the old one stands."""
        trial, old = f"{self.name}-trial", f"{self.name}-before"
        self._say("trying it beside what stands")
        try:
            self._start(engine, image, trial, mark)
        finally:
            engine.fails("rm", "--force", trial)
        if stood := self.look(engine) is not None:
            self._say("stopping the old container, which answers what it has accepted")
            engine.fails("rm", "--force", old)  # of a deployment that was cut off
            self._stop(engine, self.name)
            engine("rename", self.name, old)
        try:
            door = f"--publish={self.door}:8080"
            self._start(engine, image, self.name, mark, "--restart=unless-stopped", door)
        except BaseException:
            engine.fails("rm", "--force", self.name)
            if stood:
                engine("rename", old, self.name)
                engine("start", self.name)
            raise
        if stood:
            engine("rm", old)

    def remove(self, engine: _Engine) -> None:
        if self.look(engine) is not None:
            self._stop(engine, self.name)
            engine("rm", self.name)

    def _stop(self, engine: _Engine, name: str) -> None:
        engine("stop", "--time", f"{self._deadline + 5:.0f}", name, seconds=self._deadline + 60)

    def _start(self, engine: _Engine, image: str, name: str, mark: str, *words: str) -> None:
        """Start a container and wait until it says that it is healthy."""
        engine.fails("rm", "--force", name)
        label, memory = f"--label={LABEL}={mark}", f"--memory={self._memory}"
        engine("run", "--detach", f"--name={name}", label, memory, *HARDENED, *words, image, seconds=300)
        end = time.monotonic() + self._wait
        while (status := self._health(engine, name)) != "healthy":
            if status != "starting" or time.monotonic() > end:
                raise StepError(f"the new container is {status}", where=f"{name} ({image})", seen=engine.logs(name))
            time.sleep(0.5)

    def _health(self, engine: _Engine, name: str) -> str:
        state = json.loads(engine("container", "inspect", "--format", "{{json .State}}", name))
        return str(state["Health"]["Status"]) if state["Running"] else f"ended with {state['ExitCode']}"


def _engine(situation: Situation) -> _Engine:
    return _Engine(situation.facts.options["client"], situation.facts.options["host"])


def _image(situation: Situation) -> str:
    name, registry = situation.facts.label, situation.facts.options["registry"]
    return f"{registry}/{name}:{situation.bundle_id[:12]}" if registry else f"{name}:{situation.bundle_id[:12]}"


def _extra(situation: Situation) -> list[Path]:
    """What the project adds to the files: wheels, and a file of constraints."""
    folder = situation.project / FOLDER
    return [*sorted((folder / "wheels").glob("*.whl")), *folder.glob("constraints.txt")]


def _recipe(situation: Situation) -> str:
    """A digest of all that the image is built from."""
    extra = (f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in _extra(situation))
    return _digest(situation.bundle_id, *(file.text for file in situation.files), *extra)


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _built(engine: _Engine, situation: Situation) -> bool:
    image = _image(situation)
    if engine.fails("image", "inspect", image):
        return False
    made = engine("image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', image)
    return made == _recipe(situation)


def _build(engine: _Engine, situation: Situation) -> None:
    context = situation.scratch / FOLDER
    for file in situation.files:
        path = situation.scratch / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, "utf-8")
    for extra in _extra(situation):
        target = context / extra.relative_to(situation.project / FOLDER)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(extra, target)
    shutil.copytree(situation.bundle, context / "bundle")
    secret = situation.facts.options["pip_conf"]
    engine(
        "build", "--tag", _image(situation), "--label", f"{LABEL}={_recipe(situation)}", "--build-arg=BUNDLE=bundle",
        f"--build-arg=VERSION={situation.version or situation.bundle_id[:12]}",
        *([f"--secret=id=pip.conf,src={secret}"] if secret else []), str(context), seconds=3600,
    )  # fmt: skip


def _identity(engine: _Engine, situation: Situation) -> str:
    """The image's own digest: a name may move, this cannot."""
    return engine("image", "inspect", "--format", "{{.Id}}", _image(situation))


def _push(engine: _Engine, situation: Situation) -> str:
    """Push, and give the name by digest."""
    image = _image(situation)
    situation.say(f"pushing {image}")
    engine("push", image, seconds=3600)
    digests = json.loads(engine("image", "inspect", "--format", "{{json .RepoDigests}}", image))
    return str(next(digest for digest in digests if digest.startswith(image.rpartition(":")[0] + "@")))


DEPLOYMENT = Docker()
