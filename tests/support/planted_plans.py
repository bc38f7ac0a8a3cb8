"""Tiny plans of planted stages, and their run by any engine."""

import sys
from pathlib import Path
from typing import Any

import msgspec

from modelworks.contracts.step import External, From, Order, Plan, Step
from modelworks.core import registry
from modelworks.pipeline.execute import Executor
from modelworks.pipeline.store import Store


def step(name: str, *needs: str, run: str = "count", digest: str = "d", **params: object) -> Step:
    inputs = {n: From(n) for n in needs} or {"source": External(path=".", digest=digest)}
    return Step(name=name, run=f"planted_stages:{run}", result="report", inputs=inputs, params={"name": name, **params})


def diamond(**changed: dict) -> Plan:
    """a → b, c → d."""
    given = {n: changed.get(n, {}) for n in "abcd"}
    return Plan(
        steps=(step("a", **given["a"]), step("b", "a", **given["b"]), step("c", "a", **given["c"]),
               step("d", "b", "c", **given["d"]))
    )  # fmt: skip


COMMAND = """
import sys
from pathlib import Path
from typing import Any

import msgspec
import msgspec
from modelworks.contracts.step import Plan
from modelworks.core.errors import GateFailed
from modelworks.pipeline.execute import Executor
plan = msgspec.json.decode(Path("plan.json").read_bytes(), type=Plan)
try:
    Executor(Path.cwd(), plan).execute(sys.argv[1])
except GateFailed as error:
    print(error)
    sys.exit(1)
"""


def run(
    project: Path, plan: Plan, engine: str = "plain", store: Store | None = None, options: dict[str, Any] | None = None
) -> list[str]:
    """Steps that really ran."""
    diary = project / "diary"
    diary.write_text("")
    (project / "plan.json").write_bytes(msgspec.json.encode(plan))
    executor = Executor(project, plan, store=store)
    registry.leaf("modelworks.adapters.engines", engine, "ENGINE").run(
        Order(
            plan=plan, done=executor.done, execute=executor.execute, project=project, options=options or {},
            command=lambda name: (sys.executable, "-c", COMMAND, name),
        )
    )  # fmt: skip
    return diary.read_text().split()
