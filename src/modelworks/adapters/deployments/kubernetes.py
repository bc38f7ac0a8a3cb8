"""A Kubernetes cluster: what `export kubernetes` writes, with the image of the bundle, applied and waited for.

Old pods go only when new ones answer. A rollout that fails is put back at once, so that what stands and what the ledger
says agree.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelworks.adapters._kubectl import OPTIONS, Kubectl
from modelworks.adapters.deployments._rollout import Rollout
from modelworks.adapters.deployments._route import Route
from modelworks.contracts.check import Finding
from modelworks.contracts.deployment import Change, Situation
from modelworks.core.errors import ConfigError, ModelworksError

FOLDER = "deploy/kubernetes"
APPLY = ("--server-side", "--force-conflicts", "--field-manager=modelworks")
BUNDLE = "modelworks/bundle"
"""Annotation of the pods: the id of the bundle that they serve."""


class Kubernetes:
    name = "kubernetes"
    summary = "A Kubernetes cluster: a rollout that keeps answering, or a canary by weight."
    options: Mapping[str, str] = {**OPTIONS, "image": "", "overlay": "base", "canary": "", "wait": "300"}

    def plan(self, situation: Situation) -> tuple[Change, ...]:
        objects = _Objects(situation)
        changes = objects.differences()
        if objects.ends_canary():
            return (*changes, Change("delete", f"Deployment {objects.canary}"))
        return (*changes, *objects.weighing())

    def apply(self, situation: Situation) -> dict[str, Any]:
        objects = _Objects(situation)
        rollout = objects.rollout()
        before, weight = rollout.stands(), objects.weight()
        try:
            objects.kubectl("apply", *APPLY, "--filename=-", stdin=objects.manifest())
            rollout.wait()
            objects.weigh()
        except (ModelworksError, KeyboardInterrupt):
            situation.say("putting back what stood before")
            try:
                objects.put_back(before, weight)
            except ModelworksError as second:  # the first one says more
                situation.say(f"that failed too: {second.message}")
            raise
        if objects.ends_canary():
            objects.kubectl("delete", "deployment", objects.canary, "--wait=false", "--ignore-not-found")
        return {"address": objects.address(), "before": before, "weight": weight, "deployment": rollout.name}

    def undo(self, situation: Situation, applied: Mapping[str, Any]) -> dict[str, Any]:
        objects = _Objects(situation)
        objects.put_back(applied["before"], applied.get("weight", 0))
        if applied["before"]:
            objects.rollout().wait()
            return {"address": objects.address()}
        return {"address": f"nowhere: {applied['deployment']} is removed"}

    def check(self, options: Mapping[str, str]) -> Finding:
        return Kubectl({**self.options, **options}).finding(self.name)


class _Objects:
    """What is applied: the base or an overlay of it, or the canary beside it."""

    def __init__(self, situation: Situation) -> None:
        self._situation, self._options = situation, situation.facts.options
        self.kubectl = Kubectl(self._options)
        found = next((f.text for f in situation.files if f.path.endswith("base/deployment.yaml")), "")
        self._name = re.search(r"^  name: (\S+)$", found, re.MULTILINE)[1]  # type: ignore[index]
        self.canary = f"{self._name}-canary"
        routed = any(file.path.endswith("base/route.yaml") for file in situation.files)
        self._route = Route(self.kubectl, self._name) if routed else None
        self._weight, self._wait = _weight(self._options["canary"]), _seconds(self._options["wait"])

    def rollout(self) -> Rollout:
        name = self.canary if self._weight else self._name
        return Rollout(self.kubectl, name, self._wait, self._situation)

    def ends_canary(self) -> bool:
        """Whether there is a canary that a full rollout ends."""
        return not self._weight and self.kubectl.read("deployment", self.canary) is not None

    def address(self) -> str:
        share = f" (canary: {self._weight} %)" if self._weight else ""
        return f"http://{self._name}.{self.kubectl.namespace()}.svc{share}"

    def weight(self) -> int:
        """What the Gateway gives the canary, in per cent; 0 without one."""
        return self._route.weight() if self._route else 0

    def weighing(self) -> tuple[Change, ...]:
        """What would be different in the Gateway's route, beside a canary."""
        if not (self._route and self._weight) or (before := self._route.weight()) == self._weight:
            return ()
        return (Change("update", f"HTTPRoute {self._name}: {before} % → {self._weight} % to the canary"),)

    def weigh(self) -> None:
        """Once the pods answer: have the Gateway send a canary its share, or nothing more to one that is ended."""
        if route := self._weighing_route():
            self._situation.say(f"the Gateway gives the canary {self._weight} %")
            route.weigh(self._weight)

    def _weighing_route(self) -> Route | None:
        return self._route if self._route and (self._weight or self.ends_canary()) else None

    def put_back(self, replicaset: str, weight: int) -> None:
        """Make the pods of a ReplicaSet the wanted ones again, with the canary's weight of then if it still stands;
        remove what this applied where there was none, the canary when the Gateway sends nothing more to it."""
        if (route := self._weighing_route()) and route.weight() != weight:
            route.weigh(weight)
        if replicaset:
            self.rollout().back_to(replicaset)
        else:
            words = ("delete", "--ignore-not-found", "--timeout=120s", "--filename=-")
            self.kubectl(*words, stdin=self.manifest(), seconds=180)

    def differences(self) -> tuple[Change, ...]:
        """By a dry run of the server."""
        words = ("diff", "--server-side", "--force-conflicts", "--field-manager=modelworks", "--filename=-")
        return _changes(self.kubectl(*words, stdin=self.manifest(), seconds=120, allowed=(0, 1)))

    def manifest(self) -> str:
        root = self._situation.scratch / "kubernetes"
        if not (root / "wanted" / "kustomization.yaml").is_file():
            self._write(root)
        return self.kubectl("kustomize", str(root / "wanted"))

    def _write(self, root: Path) -> None:
        """The project's overlays, what export writes over them, and what this bundle makes of both."""
        if (mine := self._situation.project / FOLDER).is_dir():
            shutil.copytree(mine, root)
        for file in self._situation.files:
            path = root / Path(file.path).relative_to(FOLDER)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text, "utf-8")
        chosen = "canary" if self._weight else self._options["overlay"]
        if not (root / chosen / "kustomization.yaml").is_file():
            raise ConfigError(
                "there is no such overlay", where="option overlay", seen=chosen, allowed=f"a folder of {FOLDER}"
            )
        (root / "wanted").mkdir()
        wanted = {"resources": [f"../{chosen}"], "patches": [self._patch()]}
        (root / "wanted" / "kustomization.yaml").write_text(json.dumps(wanted), "utf-8")

    def _patch(self) -> dict[str, Any]:
        name = self.canary if self._weight else self._name
        pod = {
            "metadata": {"annotations": {BUNDLE: self._situation.bundle_id}},
            "spec": {"containers": [{"name": "model", "image": self._image()}]},
        }
        spec = {"template": pod, **({"replicas": self._pods()} if self._weight else {})}
        whole = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}
        return {"patch": json.dumps(whole)}

    def _image(self) -> str:
        """Given with a tag or digest it is as given; else its tag is the start of the bundle's id."""
        given = self._options["image"] or self._name
        tagged = "@" in given or ":" in given.rpartition("/")[2]
        return given if tagged else f"{given}:{self._situation.bundle_id[:12]}"

    def _pods(self) -> int:
        """How many pods give the canary its weight beside those that stand."""
        stable = self.kubectl.read("deployment", self._name)
        if stable is None:
            raise ConfigError("a canary needs something to stand beside", where=self._name, hint="deploy without it")
        return max(1, round(int(stable["spec"]["replicas"]) * self._weight / (100 - self._weight)))


def _changes(diff: str) -> tuple[Change, ...]:
    """Out of `kubectl diff`: an object a file, which is empty before where the object is new."""
    found = []
    for part in re.split(r"^diff .*\n(?=---)", diff, flags=re.MULTILINE)[1:]:
        path = re.search(r"^\+\+\+ \S*?/([^/\s]+)(?:\s|$)", part, re.MULTILINE)
        named = re.search(r"(?:^|\.)v\d\w*\.(\w+)\.([\w-]*)\.(.+)$", path[1]) if path else None
        what = f"{named[1]} {named[2]}/{named[3]}" if named else "an object"
        if "@@ -0,0 " in part:
            found.append(Change("create", what))
        else:
            lines = [line for line in part.splitlines() if re.match(r"[+-]\s", line) and "generation:" not in line]
            found.append(Change("update", what + "".join(f"\n           {line}" for line in lines[:6])))
    return tuple(found)


def _weight(text: str) -> int:
    if text and not (text.isdecimal() and 0 < int(text) < 100):
        raise ConfigError("not a weight", where="--set canary", seen=text, allowed="1 to 99: per cent of the answers")
    return int(text or 0)


def _seconds(text: str) -> float:
    if not text.isdecimal() or not int(text):
        raise ConfigError("not a number of seconds", where="--set wait", seen=text, allowed="1, 2, 3 and so on")
    return float(text)


DEPLOYMENT = Kubernetes()
