"""GitHub Actions: the plan on every pull request, with the verdict as a comment; a release from the main branch."""

from __future__ import annotations

from modelworks.adapters.targets import _release
from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import MARK, Facts, File, Target

_ACTION = """\
name: Set up modelworks
description: Python, modelworks, what earlier runs made, and the champion that modelworks.lock names
inputs:
  token:
    description: May read the releases of this repository
    required: true
runs:
  using: composite
  steps:
    - uses: actions/setup-python@v5
      with:
        python-version: "<<python>>"
        cache: pip
        cache-dependency-path: .github/actions/modelworks/action.yml
    # Finished steps are taken from the store, so a change that needs no training trains nothing.
    - uses: actions/cache/restore@v4
      with:
        path: |
          .modelworks/store
          .modelworks/bundles
        key: modelworks-${{ github.run_id }}-${{ github.run_attempt }}-${{ github.job }}
        restore-keys: |
          modelworks-${{ github.run_id }}-
          modelworks-
    - name: Install
      shell: bash
      run: python -m pip install '<<requirement>>'
    - name: Bring the champion back when no cache holds it
      shell: bash
      env:
        GH_TOKEN: ${{ inputs.token }}
      run: |
        <<champion>>
"""

_WORKFLOW = """\
name: modelworks

on:
  pull_request:
  push:
    branches: [<<branch>>]
  workflow_dispatch:            # train on demand
    inputs:
      force:
        description: Make this step again even if nothing changed (prepare, train, export, …)
        required: false
        default: ""

permissions:
  contents: read

concurrency:
  group: modelworks-${{ github.ref }}
  cancel-in-progress: ${{ github.event_name == 'pull_request' }}

jobs:
  gate:
    runs-on: <<runner>>
    timeout-minutes: <<timeout>>
    permissions:
      contents: read
      pull-requests: write      # the verdict as a comment
      id-token: write           # OIDC: clouds give this job its rights without a stored key
    steps:
      - uses: actions/checkout@v4
<<clouds>>
      - uses: ./.github/actions/modelworks
        with:
          token: ${{ github.token }}
      - name: Files made by export are fresh
        run: modelworks export --check
      # Ends with 1 when the gate says no: then the job is red, and nothing is released.
      - name: Run the plan up to the gate
        run: modelworks run --until gate --verdict verdict ${FORCE:+--force "$FORCE"}
        env:
          FORCE: ${{ inputs.force }}
      - name: Show the verdict
        if: ${{ !cancelled() && hashFiles('verdict/verdict.md') != '' }}
        run: cat verdict/verdict.md >> "$GITHUB_STEP_SUMMARY"
      - name: Comment the verdict on the pull request
        # A pull request of a fork has no right to comment.
        if: >-
          ${{ !cancelled() && hashFiles('verdict/verdict.md') != ''
          && github.event.pull_request.head.repo.full_name == github.repository }}
        run: |
          { echo "$MARK"; cat verdict/verdict.md; } > "$RUNNER_TEMP/comment.md"
          comment=$(gh api --paginate "repos/$GITHUB_REPOSITORY/issues/$NUMBER/comments" \\
            --jq ".[] | select(.body | startswith(\\"$MARK\\")) | .id" | head -n 1)
          if [ -n "$comment" ]; then
            gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$comment" -F "body=@$RUNNER_TEMP/comment.md"
          else
            gh pr comment "$NUMBER" --body-file "$RUNNER_TEMP/comment.md"
          fi
        env:
          GH_TOKEN: ${{ github.token }}
          MARK: "<!-- modelworks: <<name>> -->"
          NUMBER: ${{ github.event.pull_request.number }}
      - uses: actions/upload-artifact@v4
        if: ${{ !cancelled() && hashFiles('verdict/verdict.md') != '' }}
        with:
          name: verdict
          path: verdict
<<save>>

  release:
    needs: gate
    if: ${{ github.ref == 'refs/heads/<<branch>>' && github.event_name != 'pull_request' }}
    runs-on: <<runner>>
    timeout-minutes: <<timeout>>
    environment: production     # may ask for a reviewer: Settings, Environments
    permissions:
      contents: write           # the release, and modelworks.lock
      id-token: write
    steps:
      - uses: actions/checkout@v4
<<clouds>>
      - uses: ./.github/actions/modelworks
        with:
          token: ${{ github.token }}
      - name: Release what the gate let through
        run: modelworks run --verdict verdict
      - name: Pin the release in modelworks.lock
        run: |
          <<pin>>
      - name: Publish the bundle
        run: |
          version=<<version>>)
          tag="<<name>>-v$version"
          if ! gh release view "$tag" > /dev/null 2>&1; then
            modelworks bundle export champion "<<name>>.zip"
            gh release create "$tag" "<<name>>.zip" verdict/report.html \\
              --title "$tag" --notes-file verdict/verdict.md --target "$(git rev-parse HEAD)"
          fi
        env:
          GH_TOKEN: ${{ github.token }}
<<save>>
"""

_SAVE = """\
      - uses: actions/cache/save@v4
        if: ${{ !cancelled() }}
        with:
          path: |
            .modelworks/store
            .modelworks/bundles
          key: modelworks-${{ github.run_id }}-${{ github.run_attempt }}-${{ github.job }}"""

_CLOUDS = """\
      # Clouds: set the repository's variables of yours (Settings, Variables); each step is left out without them.
      - uses: aws-actions/configure-aws-credentials@v4
        if: ${{ vars.AWS_ROLE_ARN != '' }}
        with:
          role-to-assume: ${{ vars.AWS_ROLE_ARN }}
          aws-region: ${{ vars.AWS_REGION }}
      - uses: azure/login@v2
        if: ${{ vars.AZURE_CLIENT_ID != '' }}
        with:
          client-id: ${{ vars.AZURE_CLIENT_ID }}
          tenant-id: ${{ vars.AZURE_TENANT_ID }}
          subscription-id: ${{ vars.AZURE_SUBSCRIPTION_ID }}
      - uses: google-github-actions/auth@v2
        if: ${{ vars.GCP_WORKLOAD_IDENTITY_PROVIDER != '' }}
        with:
          workload_identity_provider: ${{ vars.GCP_WORKLOAD_IDENTITY_PROVIDER }}
          service_account: ${{ vars.GCP_SERVICE_ACCOUNT }}"""

_DOWNLOAD = 'gh release download "<<name>>-v$version" --pattern "<<name>>.zip"'
_BOT = ("github-actions[bot]", "41898282+github-actions[bot]@users.noreply.github.com")

_PULL_REQUEST = """\
<!-- <<mark>> github` for <<name>> -->
## What changes

## Data
- [ ] New or changed labelled data is licensed for this use, and holds no test examples.

## Gate
The verdict appears below as a comment. A red gate is a reason to talk, not to lower the gate.
"""

_ISSUE = """\
name: Wrong answer
description: The model in production answered wrongly
labels: [model]
body:
  - type: input
    id: bundle
    attributes:
      label: Bundle
      description: The id that `/v2/models/<<name>>` or `modelworks release list` says
    validations:
      required: true
  - type: textarea
    id: input
    attributes:
      label: Input, or how to get at it
    validations:
      required: true
  - type: textarea
    id: expected
    attributes:
      label: Right answer
    validations:
      required: true
"""


def _files(facts: Facts) -> tuple[File, ...]:
    top = head(facts, "github") + "\n"
    values = {**facts.options, "name": facts.name, "requirement": facts.requirement, "mark": MARK}
    values |= {
        "version": _release.VERSION,
        "clouds": _CLOUDS, "save": _SAVE, "champion": fill(_release.champion(_DOWNLOAD, 8), **values),
        "pin": fill(_release.pin(10, "origin", *_BOT), **values),
    }  # fmt: skip
    return (
        File(path=".github/workflows/modelworks.yml", text=top + fill(_WORKFLOW, **values)),
        File(path=".github/actions/modelworks/action.yml", text=top + fill(_ACTION, **values)),
        File(path=".github/pull_request_template.md", text=fill(_PULL_REQUEST, **values)),
        File(path=".github/ISSUE_TEMPLATE/wrong-answer.yml", text=top + fill(_ISSUE, **values)),
    )


TARGET = Target(
    name="github",
    summary="GitHub Actions: gate on every pull request, verdict as a comment, release from the main branch.",
    files=_files,
    options={"branch": "main", "runner": "ubuntu-latest", "python": "3.11", "timeout": "120"},
    next_="commit .github and push; the workflow runs on the next pull request.",
)
