"""Katib: `train.tune` as an Experiment, for a search over many machines; `modelworks run` searches on one by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modelworks.adapters.targets._text import claim, head, image
from modelworks.contracts.target import Facts, File, Target

# The second command takes the step from the store and prints its facts, among them the score.
_TRIAL = 'cd "$0" && modelworks run --until train "$@" && modelworks step train --json "$@"'


def _files(facts: Facts) -> tuple[File, ...]:
    import yaml

    tune = facts.settings["train"]["tune"]
    if not tune or not tune["space"]:
        return ()
    text = yaml.safe_dump(_experiment(facts, tune), sort_keys=False, width=120, allow_unicode=True)
    return (File(path="deploy/kubeflow/experiment.yaml", text=head(facts, "katib") + text),)


def _experiment(facts: Facts, tune: Mapping[str, Any]) -> dict[str, Any]:
    """`train.tune` as a Katib Experiment: a Job a trial, which trains with the options that Katib suggests and prints
    the score on the dev split."""
    given = [f"--set=train.options.{name}=${{trialParameters.{name}}}" for name in tune["space"]]
    container = {
        "name": "train", "image": image(facts),
        "command": ["sh", "-c", _TRIAL, "/project"],
        "args": ["--set=train.tune=null", *given],
        "volumeMounts": [{"name": "project", "mountPath": "/project"}],
    }  # fmt: skip
    volume = {"name": "project", "persistentVolumeClaim": {"claimName": claim(facts)}}
    pod = {"spec": {"containers": [container], "restartPolicy": "Never", "volumes": [volume]}}
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Experiment",
        "metadata": {"name": f"{facts.label}-tune"},
        "spec": {
            "objective": {"type": facts.options["objective"], "objectiveMetricName": "dev"},
            "metricsCollectorSpec": {
                "collector": {"kind": "StdOut"},
                "source": {"filter": {"metricsFormat": ['"(dev)": ([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)']}},
            },
            "algorithm": {"algorithmName": "tpe"},
            "maxTrialCount": tune["trials"],
            "parallelTrialCount": 1,
            "maxFailedTrialCount": min(3, tune["trials"]),
            "parameters": [_parameter(name, given) for name, given in tune["space"].items()],
            "trialTemplate": {
                "primaryContainerName": "train",
                "trialParameters": [
                    {"name": name, "reference": name, "description": f"train.options.{name}"} for name in tune["space"]
                ],
                "trialSpec": {"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": pod, "backoffLimit": 1}},
            },
        },
    }


def _parameter(name: str, given: Any) -> dict[str, Any]:
    """A range or choices of `train.tune.space` as Katib writes them: every value a string."""
    if not isinstance(given, Mapping):
        return {"name": name, "parameterType": "categorical", "feasibleSpace": {"list": [_text(one) for one in given]}}
    low, high = given["low"], given["high"]
    whole = isinstance(low, int) and isinstance(high, int)
    space = {"min": _text(low), "max": _text(high), "distribution": "logUniform" if given.get("log") else "uniform"}
    return {"name": name, "parameterType": "int" if whole else "double", "feasibleSpace": space}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


TARGET = Target(
    name="katib",
    summary="Katib (Kubeflow): the search of train.tune as an Experiment.",
    files=_files,
    options={"image": "", "claim": "", "objective": "maximize"},
    choices={"objective": ("maximize", "minimize")},
    needs="write train: {tune: {trials: 20, space: {OPTION: {low: …, high: …, log: true}}}} in modelworks.yaml",
    next_="kubectl apply -f deploy/kubeflow/experiment.yaml; write the best trial's options into train.options.",
)
