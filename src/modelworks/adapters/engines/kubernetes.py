"""Kubernetes: a Job for every step, those that do not need each other at once.

The Job is the one of the Kustomize folder `jobs` (written by `modelworks export kubernetes`), with its name and command
filled in. Options: `kubectl`, `context`, `namespace`; `jobs` (deploy/kubernetes/steps, or an overlay of it), `python`
(the pod's, `python`), `wait` (seconds a Job may take, 86400). The pods and this machine need the same project: a volume
that both mount, or, with `store`, a copy each. A Job is named after what it makes, so that a run that was cut off finds
the Jobs that it started.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from modelworks.adapters._kubectl import OPTIONS, Kubectl
from modelworks.contracts.check import Finding
from modelworks.contracts.step import Order
from modelworks.core import commands, config
from modelworks.core.errors import ConfigError, StepError

_KNOWN: dict[str, Any] = {**OPTIONS, "jobs": "deploy/kubernetes/steps", "python": "python", "wait": 86400}


class Kubernetes:
    """Orders steps as Jobs; each runs its step's command."""

    def run(self, order: Order) -> None:
        _Run(order, _options(order.options)).finish()

    def check(self, options: Mapping[str, Any]) -> Finding:
        return Kubectl(_options(options)).finding("engine kubernetes")


class _Run:
    """One plan on its way."""

    def __init__(self, order: Order, options: Mapping[str, Any]) -> None:
        self._order, self._options, self._kubectl = order, options, Kubectl(options)
        self._template = _template(self._kubectl, order.project / options["jobs"])
        self._under_way: dict[str, str] = {}
        """Step -> the name of its Job."""

    def finish(self) -> None:
        self._start_what_can()
        try:
            while self._under_way:
                for name, job in list(self._under_way.items()):
                    if ended := self._ended(job):
                        self._judge(name, job, ended)
                        del self._under_way[name]
                        self._start_what_can()
                time.sleep(1)
        except KeyboardInterrupt:
            self._remove(*self._under_way.values())
            raise

    def _start_what_can(self) -> None:
        order = self._order
        for step in order.plan.steps:
            ready = all(map(order.done, order.needs(step.name))) and step.name not in self._under_way
            if ready and not order.done(step.name):
                self._under_way[step.name] = self._start(step.name)

    def _start(self, name: str) -> str:
        """The name of the Job; one that another run left unfinished goes on."""
        job = json.loads(json.dumps(self._template))
        pod = job["spec"]["template"]["spec"]
        pod["containers"][0]["command"] = [self._options["python"], *self._order.command(name)[1:]]
        digest = hashlib.sha256(json.dumps([str(self._order.project), job], sort_keys=True).encode()).hexdigest()[:8]
        title = f"{job['metadata']['name'].removesuffix('-step')}-{name.replace('_', '-')}-{digest}"
        job["metadata"]["name"] = title
        job["spec"]["activeDeadlineSeconds"] = int(self._options["wait"])
        stands = self._kubectl.read("job", title)
        if stands is not None and _outcome(stands):
            self._remove(title)
        self._kubectl("apply", "--server-side", "--field-manager=modelworks", "--filename=-", stdin=json.dumps(job))
        return title

    def _ended(self, job: str) -> str:
        stands = self._kubectl.read("job", job)
        if stands is None:
            raise StepError("somebody removed the Job of a step", where=job, hint="run again: finished steps are kept")
        return _outcome(stands)

    def _judge(self, name: str, job: str, outcome: str) -> None:
        said = self._kubectl("logs", f"job/{job}", "--tail=60", allowed=(0, 1)) if outcome != "Complete" else ""
        code = 0 if outcome == "Complete" else self._code(job)
        self._remove(*(other for step, other in self._under_way.items() if code and step != name))
        commands.judge(name, code, f"{said}{'' if outcome == 'Complete' else outcome}"[-commands.TAIL :])
        if not self._order.done(name):
            hint = "mount the folder of the project in the Job, or name a store: (docs/systems/kubernetes.md)"
            raise StepError("the Job ended well, but its artifact is not in the store", where=job, hint=hint)

    def _code(self, job: str) -> int:
        """The exit code of the pod that failed last; 2 where none says one."""
        pods = self._kubectl.those("pods", f"batch.kubernetes.io/job-name={job}")
        for pod in sorted(pods, key=lambda one: str(one["metadata"]["creationTimestamp"]), reverse=True):
            for container in pod["status"].get("containerStatuses", ()):
                if code := container["state"].get("terminated", {}).get("exitCode"):
                    return int(code)
        return 2

    def _remove(self, *jobs: str) -> None:
        if jobs:
            self._kubectl("delete", "job", *jobs, "--ignore-not-found", "--timeout=60s", seconds=90)


def _outcome(job: Mapping[str, Any]) -> str:
    """`Complete`, why it failed, or nothing while it works."""
    for condition in job.get("status", {}).get("conditions", ()):
        if condition["status"] == "True" and condition["type"] == "Complete":
            return "Complete"
        if condition["status"] == "True" and condition["type"] == "Failed":
            return f"{condition.get('reason', 'Failed')}: {condition.get('message', '')}"
    return ""


def _template(kubectl: Kubectl, folder: Any) -> dict[str, Any]:
    if not (folder / "kustomization.yaml").is_file():
        hint = "modelworks export kubernetes"
        raise ConfigError("no Job to fill in", where="engine.options.jobs", seen=str(folder), hint=hint)
    found = kubectl("create", "--dry-run=client", "--validate=false", "--output=json", f"--kustomize={folder}")
    job: dict[str, Any] = json.loads(found)
    if job["kind"] != "Job":
        raise ConfigError("not one Job alone", where=str(folder), seen=job["kind"], allowed="a Job")
    return {key: job[key] for key in ("apiVersion", "kind", "metadata", "spec")}


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    return config.settled("kubernetes", _KNOWN, given, where="engine.options")


ENGINE = Kubernetes()
