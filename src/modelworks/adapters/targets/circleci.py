"""CircleCI: the gate on every push; a person approves before the release."""

from __future__ import annotations

from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import Facts, File, Target

_CONFIG = """\
version: 2.1

commands:
  install:
    steps:
      - checkout
      # Finished steps are taken from the store, so a change that needs no training trains nothing.
      - restore_cache: {keys: [modelworks-]}
      - run: {name: Install, command: "python3 -m pip install '<<requirement>>'"}

jobs:
  gate:
    docker: [{image: "<<image>>"}]
    resource_class: <<resource_class>>
    steps:
      - install
      - run: {name: Files made by export are fresh, command: modelworks export circleci --check}
      # Ends with 1 when the gate says no: then the job is red, and nothing is released.
      - run: {name: Run the plan up to the gate, command: modelworks run --until gate, no_output_timeout: 60m}
      - run:
          name: Collect the verdict
          when: always
          command: |
            mkdir -p verdict/gate
            cp -r "$(ls -td .modelworks/store/gate/*/ | head -n 1)". verdict/gate/
      - save_cache:
          when: always
          key: modelworks-{{ .Environment.CIRCLE_WORKFLOW_ID }}
          paths: [.modelworks/store]
      - store_test_results: {path: verdict}
      - store_artifacts: {path: verdict}
  release:
    docker: [{image: "<<image>>"}]
    resource_class: <<resource_class>>
    steps:
      - install
      - run: {name: Release what the gate let through, command: modelworks run}
      - run: {name: Pack the bundle, command: "modelworks bundle pack champion '<<name>>.zip'"}
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
    return (File(path=".circleci/config.yml", text=head(facts, "circleci") + "\n" + fill(_CONFIG, **values)),)


TARGET = Target(
    name="circleci",
    summary="CircleCI: gate on every push, approval by a person, then the release.",
    files=_files,
    options={"branch": "main", "image": "cimg/python:3.11", "resource_class": "medium"},
    next_="commit .circleci/config.yml and push.",
)
