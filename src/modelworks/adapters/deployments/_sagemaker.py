"""A SageMaker endpoint: what stands on it, how it is changed, how weight is moved between its variants."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelworks.adapters.deployments._aws import Aws
from modelworks.core.errors import StepError

Variants = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Standing:
    """What an endpoint has now."""

    status: str
    config: str
    weights: dict[str, float]
    variants: tuple[dict[str, Any], ...]
    """As its configuration has them, with the weights and counts of now; those without weight too."""
    asynchronous: dict[str, Any]

    def share(self, variant: str) -> float:
        """The part of the requests that a variant answers."""
        total = sum(self.weights.values())
        return self.weights.get(variant, 0.0) / total if total else 0.0

    @property
    def answering(self) -> list[dict[str, Any]]:
        return [variant for variant in self.variants if self.share(variant["VariantName"]) > 0]


class Endpoint:
    """One endpoint by its name. Every wait ends after `patience` seconds."""

    def __init__(self, aws: Aws, name: str, patience: float, say: Callable[[str], None]) -> None:
        self.aws = aws
        self.name, self._patience, self.say = name, patience, say

    def look(self) -> Standing | None:
        """What stands now; None when there is no such endpoint."""
        seen = self.aws.found("sagemaker", "describe_endpoint", EndpointName=self.name)
        if seen is None:
            return None
        live = {variant["VariantName"]: variant for variant in seen.get("ProductionVariants", ())}
        lone = 1.0 if len(live) == 1 else 0.0  # serverless variants say no weight
        weights = {name: float(variant.get("CurrentWeight") or lone) for name, variant in live.items()}
        config = self.aws("sagemaker", "describe_endpoint_config", EndpointConfigName=seen["EndpointConfigName"])
        return Standing(
            status=seen["EndpointStatus"], config=seen["EndpointConfigName"], weights=weights,
            variants=tuple(_now(one, live.get(one["VariantName"], {})) for one in config["ProductionVariants"]),
            asynchronous=config.get("AsyncInferenceConfig") or {},
        )  # fmt: skip

    def put(self, variants: Variants, asynchronous: Mapping[str, Any]) -> None:
        """Create the endpoint with these variants, or bring it to them; the old ones answer until the new ones do."""
        config = self._configuration(variants, asynchronous)
        verb = "create_endpoint" if self.look() is None else "update_endpoint"
        self.aws("sagemaker", verb, EndpointName=self.name, EndpointConfigName=config)
        self.say("waiting until SageMaker has the instances")
        seen = self._settled()
        if seen["EndpointConfigName"] != config:
            raise StepError(
                "the new variant did not come up; what stood before answers", where=self.name,
                seen=seen.get("FailureReason"), hint=self._logs(),
            )  # fmt: skip

    def weigh(self, weights: Mapping[str, float]) -> None:
        """Give variants their weights."""
        wanted = [{"VariantName": name, "DesiredWeight": weight} for name, weight in weights.items()]
        self.aws(
            "sagemaker", "update_endpoint_weights_and_capacities", EndpointName=self.name,
            DesiredWeightsAndCapacities=wanted,
        )  # fmt: skip
        self._settled()

    def ask(self, body: bytes, variant: str) -> None:
        """Ask one variant a question; StepError when it does not answer."""
        target = {"TargetVariant": variant} if variant else {}
        self.aws(
            "sagemaker-runtime", "invoke_endpoint", EndpointName=self.name, ContentType="application/json", Body=body,
            **target,
        )  # fmt: skip

    def remove(self) -> None:
        """Delete the endpoint and its configuration; models stay."""
        if (stands := self.look()) is not None:
            self.aws("sagemaker", "delete_endpoint", EndpointName=self.name)
            self.aws("sagemaker", "delete_endpoint_config", EndpointConfigName=stands.config)

    def _configuration(self, variants: Variants, asynchronous: Mapping[str, Any]) -> str:
        """The name of a configuration with these variants: made by their content, so made once."""
        content = json.dumps([list(map(dict, variants)), dict(asynchronous)], sort_keys=True)
        name = f"{self.name[:46]}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
        if self.aws.found("sagemaker", "describe_endpoint_config", EndpointConfigName=name) is None:
            extra = {"AsyncInferenceConfig": asynchronous} if asynchronous else {}
            self.aws(
                "sagemaker", "create_endpoint_config", EndpointConfigName=name, ProductionVariants=list(variants),
                **extra,
            )  # fmt: skip
        return name

    def _settled(self) -> dict[str, Any]:
        """Wait until nothing changes any more; StepError when it failed or took too long."""
        end, pause = time.monotonic() + self._patience, 0.2
        while True:
            seen = self.aws("sagemaker", "describe_endpoint", EndpointName=self.name)
            status = seen["EndpointStatus"]
            if status == "InService":
                return seen
            if status in ("Failed", "UpdateRollbackFailed", "OutOfService") or time.monotonic() > end:
                over = "" if status.endswith(("Failed", "Service")) else f" after {self._patience:.0f} s"
                raise StepError(
                    f"the endpoint is {status}{over}", where=self.name, seen=seen.get("FailureReason"),
                    hint=self._logs(),
                )  # fmt: skip
            time.sleep(pause)
            pause = min(10.0, pause * 1.5)

    def _logs(self) -> str:
        return f"its log: aws logs tail /aws/sagemaker/Endpoints/{self.name}"


def _now(variant: dict[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """A configured variant with the weight and the count it has now."""
    changed = {"InitialVariantWeight": float(live["CurrentWeight"])} if live.get("CurrentWeight") else {}
    if count := live.get("DesiredInstanceCount"):
        changed["InitialInstanceCount"] = count
    return {**variant, **changed}
