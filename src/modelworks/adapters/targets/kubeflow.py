"""Kubeflow: the plan as a pipeline of KFP, a container a step, and training as a TrainJob.

KFP's own cache is off: it sees an image and a command, not the data. Each step asks the store instead, which sees both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modelworks.adapters.targets._text import claim, fill, head, image, number
from modelworks.contracts.target import Facts, File, Target

_FOLDER = "deploy/kubeflow"
_STEP = 'cd "$0" && exec modelworks step "$1"'
_MOUNT = "/project"
_PIPELINE = '''\
"""<<name>> as a pipeline of KFP, a container a step.

KFP's compiler makes pipeline.yaml of it, the same as export writes. It also runs here, without a cluster:

    python pipeline.py docker        each step in a container of the image
    python pipeline.py subprocess    each step as a process
"""

import sys
import tempfile
from pathlib import Path

from kfp import dsl, kubernetes, local

PROJECT = Path(__file__).resolve().parents[2]
# Step -> the steps before it. A finished step is taken from the store; KFP's own cache does not see the data.
STEPS = {
<<steps>>}


def component(name):
    def step():
        return dsl.ContainerSpec(
            image=<<image>>,
            command=["sh", "-c", <<step>>],
            args=["<<mount>>", name],
        )

    step.__name__ = name
    return dsl.container_component(step)


def ordered(make):
    tasks = {}
    for name, before in STEPS.items():
        tasks[name] = make(name).after(*[tasks[other] for other in before])
        tasks[name].set_caching_options(False)
        tasks[name].set_retry(<<retries>>, backoff_duration="30s", backoff_factor=2.0)
    return tasks


@dsl.pipeline(name="<<label>>", description="<<description>>")
def pipeline():
    for task in ordered(lambda name: component(name)()).values():
        kubernetes.mount_pvc(task, pvc_name=<<claim>>, mount_path="<<mount>>")


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def process(name: str, project: str):
    import subprocess

    subprocess.run(["modelworks", "step", name], cwd=project, check=True)


@dsl.pipeline(name="<<label>>-here")
def here(project: str):
    ordered(lambda name: process(name=name, project=project).set_display_name(name))


def run(way):
    with tempfile.TemporaryDirectory() as outputs:
        if way == "docker":
            mounts = [{"Type": "bind", "Source": str(PROJECT), "Target": "<<mount>>", "ReadOnly": False}]
            local.init(local.DockerRunner(mounts=mounts, entrypoint=[""]), pipeline_root=outputs)
            pipeline()
        else:
            local.init(local.SubprocessRunner(use_venv=False), pipeline_root=outputs)
            here(project=str(PROJECT))


if __name__ == "__main__":
    if sys.argv[1:] not in (["docker"], ["subprocess"]):
        sys.exit(__doc__)
    run(sys.argv[1])
'''


def _files(facts: Facts) -> tuple[File, ...]:
    values = {
        "name": facts.name, "label": facts.label, "description": _description(facts), "mount": _MOUNT,
        "claim": json.dumps(claim(facts)), "image": json.dumps(image(facts)), "step": json.dumps(_STEP),
        "retries": number(facts, "retries"),
        "steps": "".join(f"    {json.dumps(name)}: {json.dumps(before)},\n" for name, before in facts.steps.items()),
    }  # fmt: skip
    return (
        File(path=f"{_FOLDER}/pipeline.py", text=head(facts, "kubeflow") + fill(_PIPELINE, **values)),
        _yaml(facts, "pipeline", _pipeline(facts), _platform(facts)),
        _yaml(facts, "trainjob", _trainjob(facts)),
    )


def _yaml(facts: Facts, name: str, *documents: Mapping[str, Any]) -> File:
    import yaml

    text = yaml.safe_dump_all(documents, sort_keys=True, width=120, allow_unicode=True)
    return File(path=f"{_FOLDER}/{name}.yaml", text=head(facts, "kubeflow") + text)


def _description(facts: Facts) -> str:
    return f"{facts.name}: labelled data to a gated release"


def _pipeline(facts: Facts) -> dict[str, Any]:
    """KFP's intermediate representation: what its compiler makes of pipeline.py."""
    retry = {
        "backoffDuration": "30s", "backoffFactor": 2.0, "backoffMaxDuration": "3600s",
        "maxRetryCount": int(number(facts, "retries")),
    }  # fmt: skip
    tasks = {
        name: {
            "cachingOptions": {}, "componentRef": {"name": f"comp-{name}"}, "retryPolicy": dict(retry),
            "taskInfo": {"name": name}, **({"dependentTasks": sorted(before)} if before else {}),
        }
        for name, before in facts.steps.items()
    }  # fmt: skip
    containers = {
        f"exec-{name}": {
            "container": {
                "image": image(facts), "command": ["sh", "-c", _STEP], "args": [_MOUNT, name],
            },
        }
        for name in facts.steps
    }  # fmt: skip
    return {
        "components": {f"comp-{name}": {"executorLabel": f"exec-{name}"} for name in facts.steps},
        "deploymentSpec": {"executors": containers},
        "pipelineInfo": {"name": facts.label, "description": _description(facts)},
        "root": {"dag": {"tasks": tasks}},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.17.0",
    }


def _platform(facts: Facts) -> dict[str, Any]:
    """Where every step finds the project: a PersistentVolumeClaim."""
    volume = claim(facts)
    mounts = {
        f"exec-{name}": {
            "pvcMount": [
                {
                    "constant": volume, "mountPath": _MOUNT,
                    "pvcNameParameter": {"runtimeValue": {"constant": volume}},
                }
            ]
        }
        for name in facts.steps
    }  # fmt: skip
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": mounts}}}}


def _trainjob(facts: Facts) -> dict[str, Any]:
    container = {"name": "node", "volumeMounts": [{"name": "project", "mountPath": _MOUNT}]}
    volume = {"name": "project", "persistentVolumeClaim": {"claimName": claim(facts)}}
    pod = {"spec": {"volumes": [volume], "containers": [container]}}
    jobs = [{"name": "node", "template": {"spec": {"template": pod}}}]
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": {"name": f"{facts.label}-train"},
        "spec": {
            "runtimeRef": {"name": facts.options["runtime"]},
            "trainer": {
                "image": image(facts), "numNodes": 1,
                "command": ["sh", "-c", 'cd "$0" && exec modelworks run --until train', _MOUNT],
            },
            "runtimePatches": [
                {
                    "manager": "modelworks.dev/export",
                    "trainingRuntimeSpec": {"template": {"spec": {"replicatedJobs": jobs}}},
                }
            ],
        },
    }  # fmt: skip


TARGET = Target(
    name="kubeflow",
    summary="Kubeflow: a KFP pipeline with a container a step, and a TrainJob.",
    files=_files,
    options={"image": "", "claim": "", "retries": "2", "runtime": "torch-distributed"},
    next_="put the project into the claim, then upload deploy/kubeflow/pipeline.yaml; pipeline.py runs it here.",
)
