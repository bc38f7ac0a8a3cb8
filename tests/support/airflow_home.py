"""A real Airflow for tests, and how its containers see this machine in place of a built image."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
from pathlib import Path

import outside

CLUSTER = """
{apiVersion: v1, kind: Config, current-context: none, contexts: [{name: none, context: {cluster: none, user: none}}],
 clusters: [{name: none, cluster: {server: "https://127.0.0.1:1"}}], users: [{name: none, user: {}}]}
"""


class Airflow:
    """A real Airflow with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.bin, self.home = outside.environment("airflow") / "bin", home
        self("db", "migrate", check=True)

    def __call__(self, *arguments: str, dags: Path | None = None, check: bool = False) -> tuple[int, str]:
        """Exit code and all output of an `airflow` command."""
        env = {
            **os.environ, "AIRFLOW_HOME": str(self.home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "NO_COLOR": "1",
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags or self.home / "dags"), "COLUMNS": "400",
        }  # fmt: skip
        made = subprocess.run(
            [self.bin / "airflow", *arguments], env=env, capture_output=True, text=True, timeout=600, check=False
        )
        if check:
            assert made.returncode == 0, made.stdout + made.stderr
        return made.returncode, made.stdout + made.stderr

    def python(self, code: str, *arguments: str) -> str:
        """What a program in Airflow's own environment prints last."""
        command = [self.bin / "python", "-c", code, *arguments]
        (self.home / "kubeconfig").write_text(CLUSTER, "utf-8")
        env = {
            **os.environ, "AIRFLOW_HOME": str(self.home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "KUBECONFIG": str(self.home / "kubeconfig"),
        }  # fmt: skip
        made = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip().splitlines()[-1]

    def events(self) -> dict[str, object]:
        """What the newest event of every asset carries."""
        with contextlib.closing(sqlite3.connect(self.home / "airflow.db")) as data:
            rows = data.execute(
                "select uri, told.extra from asset_event told join asset on asset.id = told.asset_id order by told.id"
            )
            return {uri: json.loads(extra) for uri, extra in rows}


SHOWN = """
# The exported DAG, with an operator that shows this machine to its containers.
import <<module>> as _room
<<imports>>

_Exported = _room.<<operator>>


class <<operator>>(_Exported):
    def __init__(self, **given):
        super().__init__(**{**given, <<more>>})


_room.<<operator>> = <<operator>>
__file__ = <<file>>
exec(compile(open(__file__).read(), __file__, "exec"))
"""


def shown(dag: Path, into: Path, operator: str, imports: str, more: str) -> Path:
    """A folder of DAGs with the exported one, whose `operator` (its dotted path) is given `more` arguments: the inside
    of a dictionary, which may use `given` and what `imports` brings."""
    module, _, name = operator.rpartition(".")
    into.mkdir()
    text = SHOWN
    for key, value in {
        "module": module,
        "operator": name,
        "imports": imports,
        "more": more,
        "file": repr(str(dag)),
    }.items():
        text = text.replace(f"<<{key}>>", value)
    (into / dag.name).write_text(text, "utf-8")
    return into
