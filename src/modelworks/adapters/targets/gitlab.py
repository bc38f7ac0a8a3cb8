"""GitLab CI/CD: the gate on every merge request, with the verdict as an artifact; a release from the main branch."""

from __future__ import annotations

from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import Facts, File, Target

_PIPELINE = """\
stages: [gate, release]

default:
  image: <<image>>
  interruptible: true
  # Finished steps are taken from the store, so a change that needs no training trains nothing.
  cache:
    key: modelworks
    paths: [.modelworks/store/]
    when: always
  before_script:
    - python3 -m pip install '<<requirement>>'

gate:
  stage: gate
  timeout: <<timeout>> minutes
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_COMMIT_BRANCH == "<<branch>>"
    - if: $CI_PIPELINE_SOURCE == "web"          # train on demand; FORCE names a step to make again
  script:
    - modelworks export gitlab --check
    # Ends with 1 when the gate says no: then the job is red, and nothing is released.
    - modelworks run --until gate ${FORCE:+--force "$FORCE"}
  after_script:
    - mkdir -p verdict && cp -r "$(ls -td .modelworks/store/gate/*/ | head -n 1)". verdict/
  artifacts:
    when: always
    expose_as: verdict
    paths: [verdict/]
    reports:
      junit: verdict/junit.xml
      metrics: verdict/metrics.txt

release:
  stage: release
  timeout: <<timeout>> minutes
  interruptible: false
  resource_group: production                    # one release at a time
  environment: {name: production}
  rules:
    - if: $CI_COMMIT_BRANCH == "<<branch>>"
  script:
    - modelworks run
    - modelworks bundle pack champion "<<name>>.zip"
  artifacts:
    paths: ["<<name>>.zip", modelworks.lock]
"""


def _files(facts: Facts) -> tuple[File, ...]:
    values = {**facts.options, "name": facts.name, "requirement": facts.requirement}
    text = head(facts, "gitlab") + "\n" + fill(_PIPELINE, **values)
    return (File(path=".gitlab-ci.yml", text=text),)


TARGET = Target(
    name="gitlab",
    summary="GitLab CI/CD: gate on every merge request with JUnit and metrics reports, release from the main branch.",
    files=_files,
    options={"branch": "main", "image": "python:3.11", "timeout": "120"},
    next_="commit .gitlab-ci.yml and push.",
)
