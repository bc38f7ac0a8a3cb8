"""The verdict in forms that CI systems show: JUnit XML (a case a condition) and OpenMetrics text (a figure a line).

JUnit: the XML that Ant's task began and GitLab, Jenkins and CircleCI read. Metrics: GitLab's metrics report, which is
OpenMetrics' `name{label="value"} number`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from modelworks.stages.evaluate.checks import Check


def junit(checks: Sequence[Check], words: str) -> str:
    """One test suite; a condition that is not met is a failed case with what was seen."""
    failed = sum(not one.passed for one in checks)
    head = f'<testsuite name="gate" tests="{len(checks)}" failures="{failed}" errors="0" skipped="0">'
    cases = "".join(f"  {_case(one)}\n" for one in checks)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n'
        f"{head}\n{cases}  <system-out>{_clean(words)}</system-out>\n</testsuite>\n</testsuites>\n"
    )


def metrics(figures: Mapping[str, Mapping[str, float | None]]) -> str:
    """Every figure a threshold may name, with the ends of its interval, those that are numbers."""
    lines = []
    for name, ends in figures.items():
        for end, value in ends.items():
            if value is not None and math.isfinite(value):
                label = "" if end == "value" else f'{{end="{end}"}}'
                lines.append(f"{_name(name)}{label} {value:.6g}\n")
    return "".join(lines)


def _case(check: Check) -> str:
    attributes = f'classname="gate" name={quoteattr(_drop(f"{check.name}: {check.condition}"))}'
    if check.passed:
        return f"<testcase {attributes}/>"
    return f"<testcase {attributes}><failure message={quoteattr(_drop(check.words))}/></testcase>"


def _clean(text: Any) -> str:
    return escape(_drop(str(text)))


def _drop(text: str) -> str:
    """Without control characters, which XML 1.0 does not have."""
    return "".join(c for c in text if c in "\t\n" or c >= " ")


def _name(name: str) -> str:
    """A metric's name: letters, digits and `_`."""
    return "modelworks_" + "".join(c if c.isalnum() and c.isascii() else "_" for c in name)
