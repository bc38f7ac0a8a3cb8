"""The DAG that export writes, imported and run by a real Airflow: also to the end of what another engine began."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import docker_engine
import outside
import pytest
import tiny_tasks
from airflow_home import Airflow, shown
from click.testing import CliRunner

from modelworks import lifecycle
from modelworks.cli.main import group
from modelworks.contracts import target as targets
from modelworks.contracts.target import Facts
from modelworks.core import config, lock
from modelworks.pipeline.execute import Executor

pytestmark = pytest.mark.systems
TOOL = str(Path(sys.executable).with_name("modelworks"))


@pytest.fixture(scope="module")
def airflow(tmp_path_factory) -> Airflow:
    return Airflow(tmp_path_factory.mktemp("airflow"))


def export(folder: Path, *options: str) -> Path:
    """The DAG folder of a project, freshly written."""
    here = Path.cwd()
    os.chdir(folder)
    try:
        chosen = [part for option in (f"command={TOOL}", *options) for part in ("--set", option)]
        made = CliRunner().invoke(group, ["export", "airflow", *chosen], standalone_mode=False)
        assert made.return_value == 0, made.output
    finally:
        os.chdir(here)
    return folder / "deploy" / "airflow"


def executor(folder: Path) -> Executor:
    return Executor(folder, lifecycle.plan(folder, config.load_project(folder)))


def records(folder: Path) -> dict[str, str]:
    """Step -> when its artifact was made; of the steps that the store has."""
    now = executor(folder)
    return {s.name: now.store.record(s.name, now.keys[s.name]).made for s in now.plan.steps if now.done(s.name)}


def write(folder: Path, name: str, **options: str) -> None:
    """A DAG of a project that is not there, in a folder of DAGs."""
    target = targets.find("airflow")
    settings = config.parse_project(f"name: {name}\ntask: sentiment-analysis\ndata: {{source: a.csv}}")
    facts = Facts(
        name=name, settings={}, steps=lifecycle.order(settings), requirement="", options={**target.options, **options}
    )
    for file in target.files(facts):
        (folder / Path(file.path).name).write_text(file.text, "utf-8")


PODS = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
from kubernetes.client import ApiClient
bag = DagBag(sys.argv[1])
plain = ApiClient().sanitize_for_serialization
tasks = {task.task_id: task for task in bag.dags["pods"].tasks}
pods = {name: plain(task.build_pod_request_obj()) for name, task in tasks.items()}
before = {name: sorted(task.upstream_task_ids) for name, task in tasks.items()}
print(json.dumps({"dags": sorted(bag.dags), "pods": pods, "before": before}))
"""


def test_every_form_is_imported_without_an_error(airflow, tmp_path):
    write(tmp_path, "plain", schedule="@daily")
    write(tmp_path, "containers", operator="docker", project="/srv/moods", image="registry.example/moods:1")
    write(tmp_path, "pods", operator="kubernetes", project="moods-claim", image="registry.example/moods:1")
    write(tmp_path, "late", deadline="60", schedule="0 3 * * *")
    write(tmp_path, "told", deadline="60", alert="airflow.providers.smtp.notifications.smtp.SmtpNotifier")
    (tmp_path / "broken.py").write_text("from airflow.sdk import dag, nothing_of_the_kind\n", "utf-8")
    _, listed = airflow("dags", "list-import-errors", "--local", "-o", "json", dags=tmp_path)
    errors = json.loads(listed.strip().splitlines()[-1])
    assert [Path(error["filepath"]).name for error in errors] == ["broken.py"], errors  # and none of ours
    read = json.loads(airflow.python(PODS, str(tmp_path)))
    assert read["dags"] == ["containers", "late", "plain", "pods", "told"]
    order = lifecycle.order(config.parse_project("name: a\ntask: b\ndata: {}"))
    assert read["before"] == {name: sorted(before) for name, before in order.items()}
    pods = read["pods"]
    [container] = pods["gate"]["spec"]["containers"]
    assert (container["command"], container["args"]) == (["modelworks"], ["step", "gate"])
    assert container["workingDir"] == container["volumeMounts"][0]["mountPath"] == "/project"
    assert pods["gate"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == "moods-claim"


@pytest.fixture(scope="module")
def begun(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A project whose run with Luigi was killed after its first steps, and what was finished then."""
    folder = tiny_tasks.project(tmp_path_factory.mktemp("two-engines"), "sentiment-analysis")
    log = folder.parent / f"{folder.name}.log"
    with outside.server([TOOL, "run", "--engine", "luigi"], log, cwd=folder) as run:
        end = time.monotonic() + 300
        while "train" not in records(folder):
            assert run.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        os.killpg(run.pid, signal.SIGKILL)
        assert run.wait(30) == -signal.SIGKILL
    finished = records(folder)
    assert {"prepare", "train"} <= set(finished)
    assert "optimize" not in finished
    return folder, finished


@pytest.fixture(scope="module")
def finished(airflow, begun) -> tuple[Path, dict[str, str], str]:
    """The same project after Airflow ran its DAG."""
    folder, _ = begun
    code, log = airflow("dags", "test", "tiny", dags=export(folder))
    assert code == 0, log[-5000:]
    return folder, records(folder), log


def test_airflow_finishes_what_luigi_began_and_makes_nothing_again(begun, finished):
    folder, now, log = finished
    assert {step: now[step] for step in begun[1]} == begun[1]
    assert set(now) == set(lifecycle.order(config.load_project(folder))) - {"champion"}  # there was none
    assert log.count('"hit": true') == len(begun[1]) + 1  # and `champion`, which had nothing to do
    assert [pin.version for pin in lock.read(folder).releases] == [1]


def test_the_second_run_takes_every_step_from_the_store(airflow, finished):
    """Also for another day, as a backfill does: the content decides, not the date."""
    folder, before, _ = finished
    code, log = airflow("dags", "test", "tiny", "2026-01-05", dags=export(folder))
    assert code == 0, log[-5000:]
    assert log.count('"hit": true') == len(lifecycle.order(config.load_project(folder)))
    assert records(folder) == before
    now = executor(folder)
    assert airflow.events()["modelworks://tiny/release"] == {"key": now.keys["release"], "hit": True}


def test_containers_finish_a_run_to_a_gated_release(airflow, finished, tmp_path):
    """The image is bare: it shows this machine's programs and this checkout, read-only, in place of a built image."""
    folder = Path(shutil.copytree(finished[0], tmp_path / "project"))
    path = folder / config.FILE
    path.write_text(path.read_text("utf-8").replace("resamples: 100", "resamples: 101"), "utf-8")  # a new report
    (folder / "modelworks.lock").unlink()  # nothing is released
    before = records(folder)
    assert set(before) == {"prepare", "train", "export", "optimize"}
    dag = export(folder, "operator=docker", f"project={folder}", "image=tiny-train:latest", "retries=0") / "tiny_dag.py"
    with docker_engine.running() as engine:
        places, inside = docker_engine.this_machine()
        engine("import", docker_engine.bare(tmp_path / "bare.tar"), "tiny-train:latest")
        more = f"""
            "mounts": [*given["mounts"], *(Mount(place, place, type="bind", read_only=True) for place in {places})],
            "environment": {inside}, "network_mode": "none", "docker_url": {engine.host!r},
        """
        operator = "airflow.providers.docker.operators.docker.DockerOperator"
        dags = shown(dag, tmp_path / "dags", operator, "from docker.types import Mount", more)
        code, log = airflow("dags", "test", "tiny", dags=dags)
    assert code == 0, log[-5000:]
    after = records(folder)
    assert {name: after[name] for name in before} == before
    assert {"evaluate", "gate", "release"} <= set(after) - set(before)
    assert [pin.version for pin in lock.read(folder).releases] == [1]


def test_a_red_gate_fails_the_release_with_the_verdict_in_the_log_and_is_not_tried_again(airflow, finished):
    folder, _, _ = finished
    path = folder / config.FILE
    path.write_text(path.read_text("utf-8") + "gate: {size_mb: '<= 0.000001'}\n", "utf-8")
    code, log = airflow("dags", "test", "tiny", dags=export(folder, "retries=3"))
    assert code != 0
    assert "size_mb" in executor(folder).store.record("gate", executor(folder).keys["gate"]).facts["words"]
    assert "AirflowFailException: step release: " in log
    assert log.count("'step', 'release'") == 1
    assert "size_mb" in log[log.index("AirflowFailException: step release: ") :]
    assert [pin.version for pin in lock.read(folder).releases] == [1]


CALL = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
told = {}
for name, dag in DagBag(sys.argv[1]).dags.items():
    try:
        dag.get_task("prepare").python_callable("prepare", {})
    except Exception as error:
        told[name] = [type(error).__name__, str(error)]
print(json.dumps(told))
"""


def test_a_missing_command_or_folder_is_told_and_not_tried_again(airflow, tmp_path):
    write(tmp_path, "no_command", command="no-such-modelworks", project=str(tmp_path))
    write(tmp_path, "no_folder", command=TOOL, project=str(tmp_path / "away"))
    write(tmp_path, "no_project", command=TOOL, project=str(tmp_path))
    told = json.loads(airflow.python(CALL, str(tmp_path)))
    for name, word in {"no_command": "no-such-modelworks", "no_folder": "away"}.items():
        kind, words = told[name]
        assert kind == "AirflowFailException"
        assert words.startswith("cannot run")
        assert word in words
        assert "--set command= or project=" in words
    kind, words = told["no_project"]
    assert kind == "AirflowException"
    assert "there is no modelworks.yaml here or above" in words


def test_a_step_that_takes_too_long_is_ended_with_its_process(airflow, tmp_path):
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n", "utf-8")
    slow.chmod(0o755)
    dags = export(tiny_tasks.project(tmp_path, "sentiment-analysis"), f"command={slow}", "retries=0", "timeout=77")
    dag = dags / "tiny_dag.py"
    text = dag.read_text("utf-8")
    assert text.count("timedelta(minutes=77)") == 1
    dag.write_text(text.replace("timedelta(minutes=77)", "timedelta(seconds=3)"), "utf-8")
    code, log = airflow("dags", "test", "tiny", dags=dags)
    assert code != 0
    assert "AirflowTaskTimeout" in log
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
