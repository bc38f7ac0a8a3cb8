"""GitLab CI/CD: the gate on every merge request, with the verdict as an artifact; a release from the main branch."""

from __future__ import annotations

from modelworks.adapters.targets import _release
from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import Facts, File, Target

_PIPELINE = """\
stages: [gate, release]

variables:
  FORCE:
    value: ""
    description: A step to make again even if nothing changed (prepare, train, export, …)
  PACKAGES: ${CI_API_V4_URL}/projects/${CI_PROJECT_ID}/packages/generic/<<name>>
  PIP_CACHE_DIR: ${CI_PROJECT_DIR}/.cache/pip

workflow:
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
    - if: $CI_PIPELINE_SOURCE == "web"          # train on demand
    - if: $CI_COMMIT_BRANCH == "<<branch>>"

default:
  image: <<image>>
  interruptible: true
  # Finished steps are taken from the store, so a change that needs no training trains nothing.
  cache:
    key: modelworks
    paths: [.modelworks/store/, .modelworks/bundles/, .cache/pip/]
    when: always
  before_script:
    - python3 -m pip install '<<requirement>>'
    # A cache may be lost, or not shown to an unprotected branch: the package registry has every release.
    - |
      <<champion>>

gate:
  stage: gate
  timeout: <<timeout>> minutes
  script:
    - modelworks export --check
    # Ends with 1 when the gate says no: then the job is red, and nothing is released.
    - modelworks run --until gate --verdict verdict ${FORCE:+--force "$FORCE"}
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
    - modelworks bundle export champion "<<name>>.zip"
    - |
      version=<<version>>)
      curl --fail --silent --show-error --header "JOB-TOKEN: $CI_JOB_TOKEN" \\
        --upload-file "<<name>>.zip" "$PACKAGES/$version/<<name>>.zip"
    # RELEASE_TOKEN: a project access token with write_repository, as a masked and protected variable.
    - |
      <<pin>>
  artifacts:
    paths: ["<<name>>.zip", modelworks.lock]
"""

_DOWNLOAD = (
    'curl --fail --silent --header "JOB-TOKEN: $CI_JOB_TOKEN" --output "<<name>>.zip" "$PACKAGES/$version/<<name>>.zip"'
)
_REMOTE = (
    '"${PUSH_URL:-https://modelworks:${RELEASE_TOKEN:?is not set: modelworks.lock cannot be pushed}'
    '@${CI_SERVER_FQDN}/${CI_PROJECT_PATH}.git}"'
)


def _files(facts: Facts) -> tuple[File, ...]:
    values = {**facts.options, "name": facts.name, "requirement": facts.requirement}
    values |= {
        "version": _release.VERSION,
        "champion": fill(_release.champion(_DOWNLOAD, 6), **values), "pin": fill(_release.pin(6, _REMOTE), **values)
    }  # fmt: skip
    text = head(facts, "gitlab") + "\n" + fill(_PIPELINE, **values)
    return (File(path=".gitlab-ci.yml", text=text),)


TARGET = Target(
    name="gitlab",
    summary="GitLab CI/CD: gate on every merge request with JUnit and metrics reports, release from the main branch.",
    files=_files,
    options={"branch": "main", "image": "python:3.11", "timeout": "120"},
    next_="commit .gitlab-ci.yml, set the variable RELEASE_TOKEN (it pushes modelworks.lock), and push.",
)
