"""Apache Airflow: a DAG with a task for every step, which the worker, Docker or Kubernetes runs."""

from __future__ import annotations

import json

from modelworks.adapters.targets._text import fill, head, image, number
from modelworks.contracts.target import Facts, File, Target

_DAG = '''\
"""<<name>>: labelled data to a gated release, a task a step. A finished step is taken from the store, so a second run,
a backfill, or a run that another engine began does only what is left."""

<<imports>>
PROJECT = <<project>>
# Step -> the steps before it.
STEPS = {
<<steps>>}


def asset_of(name):
    """What other DAGs may follow: schedule=[Asset("modelworks://<<name>>/release")]."""
    return Asset(f"modelworks://<<name>>/{name}")


<<operator>>
<<late>>
@dag(
    dag_id="<<name>>",
    schedule=<<schedule>>,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
<<alert>>    default_args={
        "retries": <<retries>>,
        "retry_delay": timedelta(seconds=30),
        "retry_exponential_backoff": True,
        "execution_timeout": timedelta(minutes=<<timeout>>),
        "max_active_tis_per_dag": 1,  # backfills and runs by hand wait for each other
    },
    tags=["modelworks"],
    doc_md=__doc__,
)
def plan():
    tasks = {name: task_of(name, outlets=[asset_of(name)]) for name in STEPS}
    for name, before in STEPS.items():
        tasks[name].set_upstream([tasks[other] for other in before])


plan()
'''

_LATE = '''
def late(context=None):
    """What happens when a run is not done in time; name a function of your own with `--set alert=`."""
    print("<<name>>: not done within <<deadline>> minutes of being queued:", (context or {}).get("dag_run"))

'''

_ALERT = """\
    deadline=DeadlineAlert(
        DeadlineReference.DAGRUN_QUEUED_AT, timedelta(minutes=<<deadline>>), SyncCallback(<<callback>>)
    ),
"""

_LOCAL_IMPORTS = """\
import json
from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import Asset, <<deadlines>>dag, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException

COMMAND = <<command>>
"""

_LOCAL = '''\
@task(multiple_outputs=False)
def step(name, outlet_events=None):
    """Run a step; its key goes with the event of its asset. A refusal of the gate (exit code 1) is not tried again."""
    hook = SubprocessHook()
    try:
        ended = hook.run_command([COMMAND, "step", name, "--json"], cwd=str(PROJECT))
    except OSError as error:
        fault = f"cannot run {COMMAND} in {PROJECT}: {error}; export with --set command= or project="
        raise AirflowFailException(fault) from error
    except BaseException:  # out of time, or stopped by hand: the step's process must not live on
        hook.send_sigterm()
        raise
    try:
        told = json.loads(ended.output)
    except ValueError:
        told = {"message": "it ended without an answer"}
    if ended.exit_code:
        failure = AirflowFailException if ended.exit_code == 1 else AirflowException
        raise failure(f"step {name}: {told.get('message')} {told.get('hint', '')} (exit code {ended.exit_code})")
    outlet_events[asset_of(name)].extra = {"key": told.get("key"), "hit": told.get("hit")}
    return told


def task_of(name, outlets):
    return step.override(task_id=name, outlets=outlets)(name)
'''

_DOCKER_IMPORTS = """\
from datetime import datetime, timedelta
from pathlib import Path

from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import Asset, <<deadlines>>dag
from docker.types import Mount

COMMAND = <<command>>
IMAGE = <<image>>
"""

_DOCKER = '''\
def task_of(name, outlets):
    """A container a step; the project's folder is mounted, so the store outlives the containers."""
    return DockerOperator(
        task_id=name,
        image=IMAGE,
        entrypoint=[COMMAND],
        command=["step", name],
        mounts=[Mount("/project", str(PROJECT), type="bind")],
        working_dir="/project",
        mount_tmp_dir=False,
        auto_remove="force",
        outlets=outlets,
    )
'''

_KUBERNETES_IMPORTS = """\
from datetime import datetime, timedelta

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import Asset, <<deadlines>>dag
from kubernetes.client import models

COMMAND = <<command>>
IMAGE = <<image>>
"""

_KUBERNETES = '''\
def task_of(name, outlets):
    """A pod a step; the project's folder is a PersistentVolumeClaim, so the store outlives the pods."""
    claim = models.V1PersistentVolumeClaimVolumeSource(claim_name=PROJECT)
    place = models.V1Container(name="base", working_dir="/project")
    return KubernetesPodOperator(
        task_id=name,
        name=f"<<label>>-{name}",
        image=IMAGE,
        cmds=[COMMAND],
        arguments=["step", name],
        full_pod_spec=models.V1Pod(spec=models.V1PodSpec(containers=[place])),
        volumes=[models.V1Volume(name="project", persistent_volume_claim=claim)],
        volume_mounts=[models.V1VolumeMount(name="project", mount_path="/project")],
        outlets=outlets,
    )
'''

_FORMS = {
    "local": (_LOCAL_IMPORTS, _LOCAL), "docker": (_DOCKER_IMPORTS, _DOCKER),
    "kubernetes": (_KUBERNETES_IMPORTS, _KUBERNETES),
}  # fmt: skip


def _files(facts: Facts) -> tuple[File, ...]:
    imports, operator = _FORMS[facts.options["operator"]]
    values = {
        "name": facts.name, "label": facts.label,
        "steps": "".join(f"    {json.dumps(name)}: {json.dumps(before)},\n" for name, before in facts.steps.items()),
        "project": _project(facts), "schedule": repr(facts.options["schedule"] or None),
        "command": json.dumps(facts.options["command"]),
        "image": json.dumps(image(facts)),
        **{key: number(facts, key) for key in ("retries", "timeout")}, **_deadline(facts),
    }  # fmt: skip
    whole = fill(_DAG, **{**values, "imports": fill(imports, **values), "operator": fill(operator, **values)})
    return (File(path=f"deploy/airflow/{facts.name}_dag.py", text=head(facts, "airflow") + whole),)


def _deadline(facts: Facts) -> dict[str, str]:
    """What the file holds for a deadline: nothing when none is given."""
    if not facts.options["deadline"]:
        return {"deadlines": "", "late": "", "alert": ""}
    alert = facts.options["alert"]
    values = {
        "name": facts.name, "deadline": number(facts, "deadline"), "callback": json.dumps(alert) if alert else "late",
    }  # fmt: skip
    names = "DeadlineAlert, DeadlineReference, SyncCallback, "
    return {"deadlines": names, "late": "" if alert else fill(_LATE, **values), "alert": fill(_ALERT, **values)}


def _project(facts: Facts) -> str:
    """The expression for the project's place. When none is given: the folder that the file lies in, or a claim of the
    project's name."""
    if given := facts.options["project"]:
        return json.dumps(given)
    claim = facts.options["operator"] == "kubernetes"
    return json.dumps(facts.label) if claim else "Path(__file__).resolve().parents[2]"


TARGET = Target(
    name="airflow",
    summary="Apache Airflow 3: a DAG with a task for every step; local, Docker or Kubernetes.",
    files=_files,
    options={
        "operator": "local", "schedule": "", "project": "", "command": "modelworks", "image": "",
        "retries": "2", "timeout": "120", "deadline": "", "alert": "",
    },
    choices={"operator": tuple(_FORMS)},
    next_="put the project (or a link to it) into the DAG folder; `airflow dags test NAME` runs it.",
)  # fmt: skip
