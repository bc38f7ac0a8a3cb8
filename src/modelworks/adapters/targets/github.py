"""GitHub Actions: the plan on every pull request, with the verdict as a comment; a release from the main branch."""

from __future__ import annotations

from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import MARK, Facts, File, Target

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
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "<<python>>"
      # Finished steps are taken from the store, so a change that needs no training trains nothing.
      - uses: actions/cache@v4
        with:
          path: .modelworks/store
          key: modelworks-${{ github.run_id }}
          restore-keys: modelworks-
      - name: Install
        run: python -m pip install '<<requirement>>'
      - name: Files made by export are fresh
        run: modelworks export github --check
      # Ends with 1 when the gate says no: then the job is red, and nothing is released.
      - name: Run the plan up to the gate
        run: modelworks run --until gate ${FORCE:+--force "$FORCE"}
        env:
          FORCE: ${{ inputs.force }}
      - name: Show the verdict
        if: ${{ !cancelled() }}
        run: |
          verdict=$(ls -t .modelworks/store/gate/*/verdict.md | head -n 1)
          cp "$verdict" "$RUNNER_TEMP/verdict.md"
          cat "$verdict" >> "$GITHUB_STEP_SUMMARY"
      - name: Comment the verdict on the pull request
        if: ${{ github.event_name == 'pull_request' && !cancelled() }}
        run: gh pr comment "$NUMBER" --edit-last --create-if-none --body-file "$RUNNER_TEMP/verdict.md"
        env:
          GH_TOKEN: ${{ github.token }}
          NUMBER: ${{ github.event.pull_request.number }}

  release:
    needs: gate
    if: ${{ github.ref == 'refs/heads/<<branch>>' && github.event_name != 'pull_request' }}
    runs-on: <<runner>>
    timeout-minutes: <<timeout>>
    permissions:
      contents: write           # the release, and modelworks.lock
      id-token: write           # OIDC: clouds give this job its rights without a stored key
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "<<python>>"
      - uses: actions/cache@v4
        with:
          path: .modelworks/store
          key: modelworks-${{ github.run_id }}
          restore-keys: modelworks-
      - name: Install
        run: python -m pip install '<<requirement>>'
      - name: Release what the gate let through
        run: modelworks run
      - name: Pin the release in modelworks.lock
        run: |
          git config user.name 'github-actions[bot]'
          git config user.email '41898282+github-actions[bot]@users.noreply.github.com'
          git add modelworks.lock
          git diff --cached --quiet || git commit -m "Pin the new release"
          git push
      - name: Publish the bundle
        run: |
          modelworks bundle pack champion "<<name>>.zip"
          tag="<<name>>-$(date -u +%Y%m%d-%H%M%S)"
          notes=$(ls -t .modelworks/store/gate/*/verdict.md | head -n 1)
          gh release create "$tag" "<<name>>.zip" --title "$tag" --notes-file "$notes"
        env:
          GH_TOKEN: ${{ github.token }}
"""

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
    return (
        File(path=".github/workflows/modelworks.yml", text=top + fill(_WORKFLOW, **values)),
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
