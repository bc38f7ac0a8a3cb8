"""The pods of a Deployment of Kubernetes on their way: waiting for them, seeing that it is of no use, going back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelworks.adapters._kubectl import Kubectl
from modelworks.contracts.deployment import Situation
from modelworks.core.errors import StepError

_HOPELESS = {
    "CrashLoopBackOff", "ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError",
    "CreateContainerError", "RunContainerError",
}  # fmt: skip
"""Reasons to wait no longer for a pod."""


@dataclass(frozen=True)
class Rollout:
    """One Deployment."""

    kubectl: Kubectl
    name: str
    seconds: float
    situation: Situation

    def stands(self) -> str:
        """The ReplicaSet of what is wanted now; empty where there is no Deployment, or one that has no pods yet."""
        deployment = self.kubectl.read("deployment", self.name)
        newest = self._newest(deployment) if deployment else None
        return str(newest["metadata"]["name"]) if newest else ""

    def back_to(self, replicaset: str) -> None:
        found = self.kubectl.read("replicaset", replicaset)
        if found is None:
            hint = "deploy the bundle itself: modelworks deploy kubernetes --bundle ID"
            raise StepError("the cluster no longer knows what stood before", where=replicaset, hint=hint)
        number = found["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
        self.kubectl("rollout", "undo", f"deployment/{self.name}", f"--to-revision={number}")

    def wait(self) -> None:
        """Until every wanted pod is new and answers, and no old one is left that is not already leaving."""
        end = time.monotonic() + self.seconds
        told = ""
        while True:
            deployment = self.kubectl.read("deployment", self.name)
            state, wanted = deployment.get("status", {}), deployment["spec"]["replicas"]
            new, ready = state.get("updatedReplicas", 0), state.get("availableReplicas", 0)
            seen = state.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
            if seen and new == wanted == ready == state.get("replicas", 0):
                return
            if (words := f"{new} of {wanted} pods are new, {ready} answer") != told and seen:
                self.situation.say(told := words)
            if seen and (trouble := self._trouble(deployment)):
                raise self._stalled(trouble)
            if time.monotonic() > end:
                raise self._stalled((f"it is not through after {self.seconds:.0f} s: {told}", ""))
            time.sleep(1)

    def _newest(self, deployment: Mapping[str, Any]) -> Any:
        """The ReplicaSet of the wanted pods; None in the moment before the cluster has made one."""
        labels = deployment["spec"]["selector"]["matchLabels"].items()
        found = self.kubectl.those("replicasets", ",".join(f"{k}={v}" for k, v in labels))
        revision = "deployment.kubernetes.io/revision"
        return max(found, key=lambda one: int(one["metadata"].get("annotations", {}).get(revision, 0)), default=None)

    def _new_pods(self, deployment: Mapping[str, Any]) -> list[Any]:
        newest = self._newest(deployment)
        if newest is None:
            return []
        return self.kubectl.those("pods", f"pod-template-hash={newest['metadata']['labels']['pod-template-hash']}")

    def _trouble(self, deployment: Mapping[str, Any]) -> tuple[str, str] | None:
        """Why waiting is of no use, and the pod that shows it."""
        for condition in deployment["status"].get("conditions", ()):
            if condition["type"] in ("Progressing", "ReplicaFailure") and condition["reason"] in (
                "ProgressDeadlineExceeded", "FailedCreate",
            ):  # fmt: skip
                return condition["message"], ""
        for pod in self._new_pods(deployment):
            for container in pod["status"].get("containerStatuses", ()):
                waiting = container["state"].get("waiting", {})
                if waiting.get("reason") in _HOPELESS:
                    return f"{waiting['reason']}: {waiting.get('message', '')}", pod["metadata"]["name"]
        return None

    def _stalled(self, trouble: tuple[str, str]) -> StepError:
        words, pod = trouble
        seen = self._log(pod) if pod else ""
        return StepError(
            f"the rollout of {self.name} stalls; the old pods answer", where=f"pod {pod}" if pod else self.name,
            seen=f"{words}\n{seen}".strip()[-1500:], hint="modelworks bundle verify; kubectl get events",
        )  # fmt: skip

    def _log(self, pod: str) -> str:
        """The end of what the pod said before it last ended."""
        for words in (("--previous",), ()):
            if text := self.kubectl("logs", pod, "--tail=20", *words, allowed=(0, 1)).strip():
                return text
        return ""
