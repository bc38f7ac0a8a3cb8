"""CircleCI: the gate on every push; a person approves before the release."""

from __future__ import annotations

from modelworks.adapters.targets import _release
from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import Facts, File, Target

_CONFIG = """\
version: 2.1

parameters:
  force:                # train on demand: a step to make again even if nothing changed
    type: string
    default: ""

executors:
  python:
    docker: [{image: "<<image>>"}]
    resource_class: <<resource_class>>

commands:
  install:
    steps:
      - checkout
      # Finished steps are taken from the store, so a change that needs no training trains nothing.
      - restore_cache: {name: What earlier runs made, keys: [modelworks-]}
      - run: {name: Install, command: "python3 -m pip install '<<requirement>>'"}
  keep:
    steps:
      - save_cache:
          name: Keep what this run made
          when: always
          key: modelworks-{{ .Environment.CIRCLE_WORKFLOW_ID }}-{{ .Environment.CIRCLE_JOB }}
          paths: [.modelworks/store, .modelworks/bundles]

jobs:
  gate:
    executor: python
    steps:
      - install
      - run: {name: Files made by export are fresh, command: modelworks export --check}
      # Ends with 1 when the gate says no: then the job is red, and nothing is released.
      - run:
          name: Run the plan up to the gate
          command: modelworks run --until gate --verdict verdict ${FORCE:+--force "$FORCE"}
          environment: {FORCE: "<< pipeline.parameters.force >>"}
          no_output_timeout: 60m
      - keep
      - store_test_results: {path: verdict}
      - store_artifacts: {path: verdict}
  release:
    executor: python
    steps:
      - install
      - run: {name: Release what the gate let through, command: modelworks run, no_output_timeout: 60m}
      - run: {name: Pack the bundle, command: modelworks bundle export champion "<<name>>.zip"}
      - keep
      # A deploy key with write access (Project Settings, SSH Keys) pushes modelworks.lock.
      - add_ssh_keys
      - run:
          name: Pin the release in modelworks.lock
          command: |
            <<pin>>
      - store_artifacts: {path: "<<name>>.zip"}
      - store_artifacts: {path: modelworks.lock}

workflows:
  modelworks:
    jobs:
      - gate
      - approve:
          type: approval
          requires: [gate]
          filters: {branches: {only: "<<branch>>"}}
      - release:
          requires: [approve]
          filters: {branches: {only: "<<branch>>"}}
"""


def _files(facts: Facts) -> tuple[File, ...]:
    values = {**facts.options, "name": facts.name, "requirement": facts.requirement}
    values["pin"] = fill(_release.pin(12), **values)
    return (File(path=".circleci/config.yml", text=head(facts, "circleci") + "\n" + fill(_CONFIG, **values)),)


TARGET = Target(
    name="circleci",
    summary="CircleCI: gate on every push, approval by a person, then the release.",
    files=_files,
    options={"branch": "main", "image": "cimg/python:3.11", "resource_class": "medium"},
    next_="commit .circleci/config.yml and push; add a deploy key with write access, for modelworks.lock.",
)
