"""Azure Machine Learning: online endpoint with blue and green, batch endpoint, environment, training job, model."""

from __future__ import annotations

import re

from modelworks.adapters.targets._azureml_score import SCORE
from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import Facts, File, Target

_SCHEMA = "https://azuremlschemas.azureedge.net/latest"

_ENVIRONMENT = """\
# What scores: az ml environment create --file environment.yml
$schema: <<schema>>/environment.schema.json
name: <<name>>-serving
image: <<base>>
conda_file: conda.yml
"""

_CONDA = """\
name: serving
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - pip:
      - "<<light>>"
      - azureml-inference-server-http
"""

_MODEL = """\
# The bundle as a model of a workspace: az ml model create --file model.yml --version RELEASE
# Of a registry that workspaces share:  the same with --registry-name REGISTRY
# Needs bundle.zip here: modelworks bundle export champion deploy/azureml/bundle.zip
$schema: <<schema>>/model.schema.json
name: <<name>>
type: custom_model
path: bundle.zip
description: A bundle of modelworks; its card and its numbers are in it.
"""

_ENDPOINT = """\
# az ml online-endpoint create --file online-endpoint.yml
$schema: <<schema>>/managedOnlineEndpoint.schema.json
name: <<endpoint>>
auth_mode: <<auth>>
"""

_DEPLOYMENT = """\
# One of the two, blue and green: what answers, and what comes next.
#   az ml online-deployment create --file <<colour>>.yml --set model=azureml:<<name>>:RELEASE
#   az ml online-endpoint invoke --name <<endpoint>> --deployment-name <<colour>> --request-file question.json
#   az ml online-endpoint update --name <<endpoint>> --traffic "<<other>>=90 <<colour>>=10"     then 50/50, then 0/100
#   az ml online-endpoint update --name <<endpoint>> --traffic "<<other>>=100 <<colour>>=0"     back
$schema: <<schema>>/managedOnlineDeployment.schema.json
name: <<colour>>
endpoint_name: <<endpoint>>
model: azureml:<<name>>@latest
environment: azureml:<<name>>-serving@latest
code_configuration:
  code: .
  scoring_script: score.py
instance_type: <<instance>>
instance_count: <<instances>>
request_settings:
  request_timeout_ms: 10000
  max_concurrent_requests_per_instance: 8
liveness_probe:
  initial_delay: 30
  period: 10
  timeout: 5
  failure_threshold: 6
"""

_BATCH_ENDPOINT = """\
# az ml batch-endpoint create --file batch-endpoint.yml
$schema: <<schema>>/batchEndpoint.schema.json
name: <<endpoint>>-batch
auth_mode: aad_token
"""

_BATCH = """\
# az ml batch-deployment create --file batch-deployment.yml --set-default
# az ml batch-endpoint invoke --name <<endpoint>>-batch --input DATA        (files: .jsonl, texts, pictures)
$schema: <<schema>>/batchDeployment.schema.json
name: model
endpoint_name: <<endpoint>>-batch
model: azureml:<<name>>@latest
environment: azureml:<<name>>-serving@latest
code_configuration:
  code: .
  scoring_script: score.py
compute: azureml:<<compute>>
resources:
  instance_count: 1
mini_batch_size: 10
output_action: append_row
output_file_name: predictions.csv
error_threshold: 0
logging_level: info
"""

_JOB = """\
# Training in the training image of `modelworks export docker`, pushed to a registry that the workspace may read.
#   az ml job create --file deploy/azureml/job.yml
$schema: <<schema>>/commandJob.schema.json
display_name: <<name>>
experiment_name: <<name>>
command: >-
  cd /project && modelworks run &&
  modelworks bundle export champion ${{outputs.bundle}}/bundle.zip
environment:
  image: <<training_image>>
compute: azureml:<<compute>>
outputs:
  bundle:
    type: custom_model
limits:
  timeout: <<seconds>>
"""


def _files(facts: Facts) -> tuple[File, ...]:
    name = facts.label[:28].rstrip("-")
    package, version = re.fullmatch(r"([\w.-]+)(?:\[.*\])?(.*)", facts.requirement).groups()  # type: ignore[union-attr]
    extras = f"[{facts.options['extras']}]" if facts.options["extras"] else ""
    plain = {
        **facts.options, "name": name, "endpoint": facts.options["endpoint"] or name, "schema": _SCHEMA,
        "light": f"{package}{extras}{version}",
    }  # fmt: skip
    parts = {
        "environment.yml": _ENVIRONMENT, "conda.yml": _CONDA, "model.yml": _MODEL, "online-endpoint.yml": _ENDPOINT,
        "batch-endpoint.yml": _BATCH_ENDPOINT, "batch-deployment.yml": _BATCH, "job.yml": _JOB,
    }  # fmt: skip
    texts = {path: fill(text, **plain) for path, text in parts.items()}
    for colour, other in (("blue", "green"), ("green", "blue")):
        texts[f"{colour}.yml"] = fill(_DEPLOYMENT, **plain, colour=colour, other=other)
    texts["score.py"] = SCORE
    top = head(facts, "azureml") + "\n"
    return tuple(File(path=f"deploy/azureml/{path}", text=top + text) for path, text in sorted(texts.items()))


TARGET = Target(
    name="azureml",
    summary="Azure Machine Learning: online endpoint with blue and green, batch endpoint, environment, job, model.",
    files=_files,
    options={
        "endpoint": "",
        "auth": "aad_token",
        "instance": "Standard_DS3_v2",
        "instances": "1",
        "compute": "cpu-cluster",
        "base": "mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04:latest",
        "training_image": "registry.azurecr.io/training:latest",
        "seconds": "86400",
        "extras": "",
    },
    next_="modelworks bundle export champion deploy/azureml/bundle.zip; "
    "az ml model create --file deploy/azureml/model.yml",
)
