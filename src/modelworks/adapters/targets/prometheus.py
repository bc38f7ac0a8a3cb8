"""Prometheus: what to scrape, recording and alert rules, and unit tests of the rules for promtool."""

from __future__ import annotations

from modelworks.adapters.targets._prometheus_rules import RULES
from modelworks.adapters.targets._prometheus_tests import TESTS
from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import Facts, File, Target
from modelworks.core.errors import ConfigError

_SCRAPE = """\
scrape_configs:
  - job_name: <<name>>
    scrape_interval: 15s
    metrics_path: /metrics
    static_configs:
      - targets: ["<<address>>"]
        labels: {model: <<name>>}
"""


def _days(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ConfigError("not a number of days", where="--set days", seen=text, allowed="1, 2, 3 and so on")
    return int(text)


def _files(facts: Facts) -> tuple[File, ...]:
    almost = 3600 - 86400 * _days(facts.options["days"])  # promtool's time begins at 0
    values = {"name": facts.name, **facts.options, "almost": str(almost)}
    top = head(facts, "prometheus") + "\n"
    parts = {"scrape.yml": _SCRAPE, "rules.yml": RULES, "rules_test.yml": TESTS}
    return tuple(
        File(path=f"deploy/prometheus/{name}", text=top + fill(text, **values)) for name, text in parts.items()
    )


TARGET = Target(
    name="prometheus",
    summary="Prometheus: scrape configuration, recording and alert rules with unit tests.",
    files=_files,
    options={
        "address": "127.0.0.1:8080",
        "errors": "0.05",
        "seconds": "1",
        "drift": "0.25",
        "quality": "0.05",
        "days": "90",
    },
    next_="promtool test rules deploy/prometheus/rules_test.yml; name rules.yml in prometheus.yml's rule_files.",
)
