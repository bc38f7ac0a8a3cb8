"""The HTTPRoute by which a Gateway weighs a canary of Kubernetes, where one is exported (option `gateway`)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelworks.adapters._kubectl import Kubectl
from modelworks.core.errors import ConfigError, StepError

_KIND = "httproute.gateway.networking.k8s.io"
_AT = "/spec/rules/0/backendRefs"
_SECONDS = 30.0
"""That a Gateway may take to say that it took up a weight."""
_SPREAD = 5.0
"""Seconds from then until all of it keeps to the weight."""


@dataclass(frozen=True)
class Route:
    """One HTTPRoute; its first rule leads to the stable Service, then to the canary's."""

    kubectl: Kubectl
    name: str

    def weight(self) -> int:
        """Per cent of the requests that the canary gets; 0 where the route is not there."""
        found = self.kubectl.read(_KIND, self.name)
        return _weight(found) if found else 0

    def weigh(self, canary: int) -> None:
        """Give the canary so much, and wait until the Gateway keeps to it."""
        found = self.kubectl.read(_KIND, self.name)
        if found is None and canary:
            hint = "deploy without --set canary first: that puts the route there"
            raise ConfigError("the Gateway has no route to weigh", where=f"HTTPRoute {self.name}", hint=hint)
        if found and _weight(found) != canary:
            weights = enumerate((100 - canary, canary))
            changes = [{"op": "replace", "path": f"{_AT}/{i}/weight", "value": value} for i, value in weights]
            words = ("--type=json", f"--patch={json.dumps(changes)}", "--field-manager=modelworks")
            self.kubectl("patch", _KIND, self.name, *words)
        if found:
            self._settle()

    def _settle(self) -> None:
        end = time.monotonic() + _SECONDS
        while not _taken_up(self.kubectl.read(_KIND, self.name)):
            if time.monotonic() > end:
                seen = f"nothing within {_SECONDS:.0f} s"
                hint = (
                    f"kubectl describe httproute {self.name}; is there a Gateway of that name, and its controller up?"
                )
                raise StepError("no Gateway says that it took up the weight", where=self.name, seen=seen, hint=hint)
            time.sleep(0.5)
        time.sleep(_SPREAD)


def _weight(route: Mapping[str, Any]) -> int:
    return int(route["spec"]["rules"][0]["backendRefs"][1]["weight"])


def _taken_up(route: Mapping[str, Any]) -> bool:
    """Whether every Gateway that leads here has seen what is wanted now, and accepts it."""
    told = [
        condition for parent in route.get("status", {}).get("parents", ()) for condition in parent["conditions"]
        if condition["type"] == "Accepted"
    ]  # fmt: skip
    now = route["metadata"]["generation"]
    return bool(told) and all(one["status"] == "True" and one.get("observedGeneration", 0) >= now for one in told)
