"""What `modelworks run` ends with when the gate says no, also when it was asked to stop there."""

from __future__ import annotations

import pytest
import tiny_tasks
from click.testing import CliRunner

from modelworks.cli.main import group
from modelworks.core import config


@pytest.mark.slow
def test_a_refusal_is_exit_code_1_wherever_the_run_was_to_stop(project):
    tiny_tasks.project(project, "sentiment-analysis")
    path = project / config.FILE
    path.write_text(path.read_text("utf-8") + "gate: {size_mb: '<= 0.000001'}\n", "utf-8")

    def code(*options: str) -> int | None:
        return CliRunner().invoke(group, ["run", *options], standalone_mode=False).return_value

    assert code("--until", "evaluate") == 0
    assert code("--until", "gate") == 1
    assert code("--until", "gate", "--verdict", "seen/verdict") == 1  # from the store
    assert {"junit.xml", "metrics.txt", "report.html", "verdict.md"} <= {
        p.name for p in (project / "seen/verdict").iterdir()
    }
    assert code() == 1
