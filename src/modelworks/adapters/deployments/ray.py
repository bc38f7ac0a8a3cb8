"""Ray Serve: replicas of the server on the nodes of a Ray cluster.

A new release comes up beside the old one, which answers until as many replicas of the new one do. One that does not
come up is taken back. What stands is asked of the replicas themselves.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modelworks.adapters import _ray, _ray_serve
from modelworks.contracts.check import Finding
from modelworks.contracts.deployment import Change, Situation
from modelworks.core.errors import ConfigError, StepError

DOOR = 60.0
"""Seconds that a proxy may take to lead to replicas which run."""


class RayServe:
    name = "ray"
    summary = "Ray Serve: replicas of the server on the nodes of a Ray cluster."
    options: Mapping[str, str] = {
        "address": "auto", "route": "/", "host": "127.0.0.1", "port": "8000", "proxies": "EveryNode", "replicas": "1",
        "cpus": "1", "records": "", "wait": "300",
    }  # fmt: skip

    def plan(self, situation: Situation) -> tuple[Change, ...]:
        with _running(situation) as application:
            status, stands = application.look()
            if status == "RUNNING" and stands == application.wanted:
                return ()
            return (Change("update" if stands else "create", f"application {application.name} at {application.door}"),)

    def apply(self, situation: Situation) -> dict[str, Any]:
        with _running(situation) as application:
            before = application.look()[1]
            try:
                application.put(application.wanted)
            except BaseException:
                situation.say("taking it back")
                application.put(before) if before else application.remove()
                raise
            return {"address": application.door, "before": before}

    def undo(self, situation: Situation, applied: Mapping[str, Any]) -> dict[str, Any]:
        with _running(situation) as application:
            if applied["before"]:
                application.put(applied["before"])
                return {"address": application.door}
            application.remove()
            return {"address": f"nowhere: the application {application.name} is removed"}

    def check(self, options: Mapping[str, str]) -> Finding:
        return _ray.check(f"ray {options['address']}", options["address"])


class _Application:
    """The one application of a project on a cluster."""

    def __init__(self, situation: Situation) -> None:
        options = situation.facts.options
        self.name, self._say = situation.facts.name, situation.say
        self._options, self._wait = options, float(_ray_serve.number(options, "wait", float))
        records = str(Path(options["records"]).resolve()) if options["records"] else ""
        bundle = str(situation.bundle.resolve())
        self.wanted = _ray_serve.arguments(situation.facts, bundle, situation.bundle_id, records)
        self.door = f"http://{options['host']}:{options['port']}{self.wanted['route']}".rstrip("/")

    def look(self) -> tuple[str, dict[str, str]]:
        """(its status, what it was made from); two empty values where there is none."""
        serve = _ray_serve.module()
        if self.name not in (found := serve.status().applications):
            return "", {}
        status = str(found[self.name].status.value)
        try:
            stands = serve.get_app_handle(self.name).standing.remote().result(timeout_s=30)
        except Exception as error:  # whatever a replica's end may look like
            if status == "RUNNING":
                hint = "serve status; another name in modelworks.yaml is another application"
                raise StepError("an application of that name is not ours", where=self.name, hint=hint) from error
            stands = {}
        return status, stands

    def put(self, given: Mapping[str, str]) -> None:
        """Make it so, and wait until it answers."""
        serve = _ray_serve.module()
        made = _ray_serve.application(dict(given))
        serve.start(
            http_options={"host": self._options["host"], "port": int(self._options["port"])},
            proxy_location=self._options["proxies"],
        )
        target = serve.RunTarget(made, name=self.name, route_prefix=given["route"])
        serve.run_many(
            [target], wait_for_ingress_deployment_creation=False, wait_for_applications_running=False
        )  # each of these waits has no end
        end = time.monotonic() + self._wait
        self._until_it_runs(end)
        self._until_it_answers(given["id"], time.monotonic() + DOOR)

    def remove(self) -> None:
        serve = _ray_serve.module()
        if self.name in serve.status().applications:
            serve.delete(self.name)

    def _until_it_runs(self, end: float) -> None:
        serve = _ray_serve.module()
        told = ""
        while (state := serve.status().applications.get(self.name)) is None or state.status.value != "RUNNING":
            words = f"{state.status.value} {_words(state)}".strip() if state else "not there yet"
            if (told != (told := words)) and state:
                self._say(words.splitlines()[0][:120])
            if (state and state.status.value in ("DEPLOY_FAILED", "UNHEALTHY")) or time.monotonic() > end:
                hint = "modelworks bundle verify; ray status shows free cores"
                raise StepError("the replicas do not come up", where=self.name, seen=words[-1500:], hint=hint)
            time.sleep(0.5)

    def _until_it_answers(self, bundle: str, end: float) -> None:
        url, seen = f"{self.door}/readyz", ""
        while bundle not in seen:
            if time.monotonic() > end:
                hint = "host and port of Ray Serve are the cluster's, set when it first ran; --set port=…"
                raise StepError("the bundle does not answer at the door", where=url, seen=seen, hint=hint)
            try:
                with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (http, made above)
                    seen = str(json.load(answer).get("bundle"))
            except (OSError, ValueError) as error:
                seen = str(error)
            time.sleep(0.2)


def _words(state: Any) -> str:
    """What Serve says of an application that is not running."""
    return " ".join(filter(None, [state.message, *(one.message for one in state.deployments.values())]))


@contextmanager
def _running(situation: Situation) -> Any:
    """The application, on a cluster that answers; what Ray says is said in our words."""
    options = situation.facts.options
    if options["proxies"] not in _ray_serve.PROXIES:
        raise ConfigError(
            "not one of its values", where="--set proxies", seen=options["proxies"], allowed=_ray_serve.PROXIES
        )
    with _ray.connected(options["address"]) as ray:
        try:
            yield _Application(situation)
        except (ray.exceptions.RayError, TimeoutError, RuntimeError) as error:
            raise StepError(f"Ray Serve fails: {error}", where=f"ray {options['address']}") from error


DEPLOYMENT = RayServe()
