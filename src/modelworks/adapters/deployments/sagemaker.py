"""Amazon SageMaker: a real-time, serverless or asynchronous endpoint of the serving image, and the Model Registry.

Real-time: a new release becomes a second variant without weight, is asked a question, and gets the requests in steps;
the old one stays without weight, so that undo is a matter of seconds. The other two modes have one variant: SageMaker
exchanges it and keeps the old one answering until the new one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelworks.adapters.deployments._aws import Aws
from modelworks.adapters.deployments._sagemaker import Endpoint, Standing
from modelworks.adapters.deployments._sagemaker_model import Wanted, plain
from modelworks.contracts.check import Finding
from modelworks.contracts.deployment import Change, Situation
from modelworks.core.errors import ModelworksError, StepError


class SageMaker:
    name = "sagemaker"
    summary = "Amazon SageMaker: an endpoint with weights moved in steps, and the Model Registry."
    options: Mapping[str, str] = {
        "role": "", "image": "", "bucket": "", "region": "", "endpoint": "", "mode": "realtime",
        "instance": "ml.m5.large", "instances": "1", "memory": "3072", "concurrency": "10", "steps": "10,50,100",
        "pause": "60", "alarm": "", "keep": "yes", "approval": "Approved", "wait": "1800",
    }  # fmt: skip

    def plan(self, situation: Situation) -> tuple[Change, ...]:
        wanted, endpoint = Wanted(situation), _endpoint(situation)
        stands = endpoint.look()
        if stands and stands.status == "InService" and stands.share(wanted.variant) == 1:
            return ()
        changes = [Change("create", f"model {wanted.variant} from {wanted.data}")]
        changes.append(Change("create", f"model package in the group {wanted.group} ({wanted.approval})"))
        if stands is None:
            return (*changes, Change("create", f"{wanted.mode} endpoint {endpoint.name}"))
        if wanted.mode == "realtime" and not stands.asynchronous:
            return (*changes, Change("update", f"endpoint {endpoint.name}: {wanted.steps} % of the requests"))
        return (*changes, Change("replace", f"what answers at {wanted.mode} endpoint {endpoint.name}"))

    def apply(self, situation: Situation) -> dict[str, Any]:
        wanted, endpoint = Wanted(situation), _endpoint(situation)
        stands = endpoint.look()
        if stands is not None and stands.status != "InService":
            hint = f"wait, or remove it: aws sagemaker delete-endpoint --endpoint-name {endpoint.name}"
            raise StepError(f"the endpoint is {stands.status}: it cannot be changed", where=endpoint.name, hint=hint)
        wanted.upload()
        wanted.create(endpoint.aws)
        package = wanted.register(endpoint.aws)
        if stands is None:
            _create(endpoint, wanted)
        elif wanted.mode == "realtime" and not stands.asynchronous and "ServerlessConfig" not in stands.variants[0]:
            _shift(endpoint, wanted, stands)
        else:
            _replace(endpoint, wanted, stands)
        before = {} if stands is None else {"config": stands.config, "weights": stands.weights}
        return {"address": _address(endpoint), "variant": wanted.variant, "package": package, "before": before}

    def undo(self, situation: Situation, applied: Mapping[str, Any]) -> dict[str, Any]:
        endpoint, before = _endpoint(situation), applied["before"]
        if not before:
            endpoint.remove()
            return {"address": f"nowhere: the endpoint {endpoint.name} is removed"}
        weights = {name: weight for name, weight in before["weights"].items() if weight > 0}
        stands = endpoint.look()
        if stands is not None and set(weights) <= set(stands.weights):
            endpoint.weigh({**dict.fromkeys(stands.weights, 0.0), **weights})
        else:
            config = endpoint.aws("sagemaker", "describe_endpoint_config", EndpointConfigName=before["config"])
            variants = [one for one in config["ProductionVariants"] if not weights or one["VariantName"] in weights]
            endpoint.put(variants, config.get("AsyncInferenceConfig") or {})
        return {"address": _address(endpoint)}

    def check(self, options: Mapping[str, str]) -> Finding:
        if missing := [name for name in ("role", "image", "bucket") if not options[name]]:
            return Finding("sagemaker", "fault", f"no {', '.join(missing)}", "targets: {sagemaker: {role: …}}")
        try:
            Aws(options["region"])("sagemaker", "list_endpoints", MaxResults=1)
            return Finding("sagemaker", "ok", "answers, endpoints may be listed")
        except ModelworksError as error:
            return Finding("sagemaker", "fault", error.message, error.hint)


def _create(endpoint: Endpoint, wanted: Wanted) -> None:
    """The first deployment; nothing is left behind when it fails."""
    try:
        endpoint.put([wanted.as_variant(1.0)], wanted.asynchronous)
        if body := wanted.sample():
            endpoint.ask(body, "")
    except BaseException:
        endpoint.remove()
        raise


def _replace(endpoint: Endpoint, wanted: Wanted, stands: Standing) -> None:
    """Exchange the one variant; a new one that comes up and does not answer is taken back."""
    endpoint.put([wanted.as_variant(1.0)], wanted.asynchronous)
    try:
        if body := wanted.sample():
            endpoint.ask(body, "")
    except BaseException:
        endpoint.put(stands.answering or stands.variants, stands.asynchronous)
        raise


def _shift(endpoint: Endpoint, wanted: Wanted, stands: Standing) -> None:
    """Add the variant, ask it, and move the requests to it in steps; back at once when anything fails."""
    old = {one["VariantName"]: 100 * stands.share(one["VariantName"]) for one in stands.answering}
    if wanted.variant not in stands.weights:
        endpoint.put([*stands.answering, wanted.as_variant(0.0)], {})
    others = {name: part for name, part in old.items() if name != wanted.variant}
    total = sum(others.values()) or 1.0
    try:
        if body := wanted.sample():
            endpoint.ask(body, wanted.variant)
        for share in wanted.steps:
            endpoint.say(f"{share} % of the requests")
            rest = {name: round(part / total * (100 - share), 3) for name, part in others.items()}
            endpoint.weigh({**rest, wanted.variant: float(share)})
            if share < 100:
                wanted.wait(endpoint.aws)
    except BaseException:
        endpoint.weigh({wanted.variant: 0.0, **old})
        raise
    if not wanted.keeps:
        endpoint.put([wanted.as_variant(1.0)], {})


def _endpoint(situation: Situation) -> Endpoint:
    options = situation.facts.options
    name = options["endpoint"] or plain(situation.facts.name)
    return Endpoint(Aws(options["region"]), name, float(options["wait"]), situation.say)


def _address(endpoint: Endpoint) -> str:
    return f"SageMaker: aws sagemaker-runtime invoke-endpoint --endpoint-name {endpoint.name}"


DEPLOYMENT = SageMaker()
