"""What export writes for Kubeflow: the pipeline, made by KFP's own compiler and run by its own runners, as processes
and as containers; the TrainJob and the Job of a Katib trial, taken by a real API server; a trial's command, run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import docker_engine
import outside
import pytest
import tiny_tasks
import yaml
from click.testing import CliRunner
from kubernetes_cluster import Cluster

from modelworks import lifecycle
from modelworks.cli.main import group
from modelworks.core import config, lock
from modelworks.core.errors import ConfigError
from modelworks.pipeline.execute import Executor

pytestmark = pytest.mark.systems
TOOLS = Path(sys.executable).parent


def export(folder: Path, name: str, *options: str) -> Path:
    """What export writes of a project, in its folder for Kubeflow."""
    here = Path.cwd()
    os.chdir(folder)
    try:
        chosen = [part for option in options for part in ("--set", option)]
        made = CliRunner().invoke(group, ["export", name, *chosen], standalone_mode=False)
        if made.exception:
            raise made.exception
    finally:
        os.chdir(here)
    return folder / "deploy" / "kubeflow"


def kfp(*command: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run KFP's Python, with its own `python3` first on PATH, as the runner of processes wants it."""
    bins = outside.environment("kubeflow") / "bin"
    path = os.pathsep.join([str(bins), str(TOOLS), os.environ["PATH"]])
    return subprocess.run(
        [bins / "python", *command], env={**os.environ, "PATH": path, **(env or {})}, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip


def records(folder: Path) -> dict[str, str]:
    """Step -> when its artifact was made; of the steps that the store has."""
    now = Executor(folder, lifecycle.plan(folder, config.load_project(folder)))
    return {s.name: now.record(s.name).made for s in now.plan.steps if now.done(s.name)}


COMPILE = """
import importlib.util, sys
from kfp import compiler, components
spec = importlib.util.spec_from_file_location("exported", sys.argv[1])
exported = importlib.util.module_from_spec(spec)
spec.loader.exec_module(exported)
compiler.Compiler().compile(exported.pipeline, sys.argv[2])
print(components.load_component_from_file(sys.argv[3]).name)
"""


def test_the_pipeline_is_what_kfps_compiler_makes_and_its_loader_takes(tmp_path):
    folder = export(
        tiny_tasks.project(tmp_path, "sentiment-analysis"), "kubeflow", "image=x/y:1", "claim=c", "retries=5"
    )
    made = kfp("-c", COMPILE, folder / "pipeline.py", tmp_path / "compiled.yaml", folder / "pipeline.yaml")
    assert made.returncode == 0, made.stderr
    assert made.stdout.strip() == "tiny"
    compiled = list(yaml.safe_load_all((tmp_path / "compiled.yaml").read_text("utf-8")))
    assert list(yaml.safe_load_all((folder / "pipeline.yaml").read_text("utf-8"))) == compiled
    assert len(compiled) == 2  # the pipeline, and where its pods find the claim


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A project that KFP's runner of processes brought to a release."""
    folder = tiny_tasks.project(tmp_path_factory.mktemp("kfp"), "sentiment-analysis")
    made = kfp(export(folder, "kubeflow") / "pipeline.py", "subprocess")
    assert made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:]
    assert [pin.version for pin in lock.read(folder).releases] == [1]
    return folder, records(folder)


def test_the_second_run_takes_every_step_from_the_store(ran):
    folder, before = ran
    assert set(before) == set(lifecycle.order(config.load_project(folder))) - {"champion"}
    made = kfp(folder / "deploy" / "kubeflow" / "pipeline.py", "subprocess")
    assert made.returncode == 0, made.stderr[-3000:]
    assert made.stdout.count(": in the store (") == len(before)
    assert "champion: not in the plan for now: nothing to do" in made.stdout
    assert records(folder) == before


def test_a_red_gate_fails_the_pipeline_and_releases_nothing(ran):
    folder, _ = ran
    path, text = folder / config.FILE, (folder / config.FILE).read_text("utf-8")
    path.write_text(text + "gate: {size_mb: '<= 0.000001'}\n", "utf-8")
    try:
        made = kfp(folder / "deploy" / "kubeflow" / "pipeline.py", "subprocess")
        assert made.returncode != 0
        assert re.search(r"size_mb", made.stdout)
        assert len(lock.read(folder).releases) == 1
        assert "release" not in records(folder)
    finally:
        path.write_text(text, "utf-8")


DOCKER = """
import importlib.util, json, sys
from kfp import local
spec = importlib.util.spec_from_file_location("exported", sys.argv[1])
exported = importlib.util.module_from_spec(spec)
spec.loader.exec_module(exported)
init = local.init

def with_this_machine(runner, **given):
    shown = [{"Type": "bind", "Source": place, "Target": place, "ReadOnly": True} for place in sys.argv[3:]]
    runner.container_run_args["mounts"] += shown
    runner.container_run_args.update(environment=json.loads(sys.argv[2]), network_mode="none")
    init(runner, **given)

local.init = with_this_machine
exported.run("docker")
"""


def test_containers_finish_a_run_to_a_gated_release(ran, tmp_path):
    """The image is bare: it shows this machine's programs and this checkout, read-only, in place of a built image."""
    folder = Path(shutil.copytree(ran[0], tmp_path / "project"))
    path = folder / config.FILE
    path.write_text(path.read_text("utf-8").replace("resamples: 100", "resamples: 101"), "utf-8")  # a new report
    before = records(folder)
    assert set(before) == {"prepare", "train", "export", "optimize"}
    with docker_engine.running() as engine:
        engine("import", docker_engine.bare(tmp_path / "bare.tar"), "tiny-train:latest")
        places, inside = docker_engine.this_machine()
        script = export(folder, "kubeflow") / "pipeline.py"
        made = kfp("-c", DOCKER, script, json.dumps(inside), *places, env={"DOCKER_HOST": engine.host})
    assert made.returncode == 0, made.stdout[-4000:] + made.stderr[-3000:]
    after = records(folder)
    assert {name: after[name] for name in before} == before
    assert set(after) == {*before, "evaluate", "gate", "release"}
    assert made.stdout.count(": in the store (") == len(before)


SPACE = "{learning_rate: {low: 0.0001, high: 0.01, log: true}, epochs: {low: 1, high: 3}, batch_size: [2, 4]}"


@pytest.fixture
def tuned(tmp_path) -> Path:
    folder = tiny_tasks.project(tmp_path, "sentiment-analysis")
    path = folder / config.FILE
    path.write_text(
        path.read_text("utf-8").replace("budget: 6s", f"budget: 6s, tune: {{trials: 2, space: {SPACE}}}"), "utf-8"
    )
    return folder


def experiment(folder: Path) -> dict:
    return yaml.safe_load((export(folder, "katib") / "experiment.yaml").read_text("utf-8"))


def test_an_experiment_keeps_the_rules_of_katibs_webhook(tuned):
    """Written down from what its validation asks; no Katib runs here."""
    spec = experiment(tuned)["spec"]
    assert 0 < spec["parallelTrialCount"] <= spec["maxTrialCount"] == 2
    assert 0 <= spec["maxFailedTrialCount"] <= spec["maxTrialCount"]
    assert spec["parameters"] == [
        {"name": "learning_rate", "parameterType": "double",
         "feasibleSpace": {"min": "0.0001", "max": "0.01", "distribution": "logUniform"}},
        {"name": "epochs", "parameterType": "int",
         "feasibleSpace": {"min": "1", "max": "3", "distribution": "uniform"}},
        {"name": "batch_size", "parameterType": "categorical", "feasibleSpace": {"list": ["2", "4"]}},
    ]  # fmt: skip
    template = spec["trialTemplate"]
    names = [parameter["name"] for parameter in template["trialParameters"]]
    assert names == [parameter["reference"] for parameter in template["trialParameters"]]
    assert sorted(names) == sorted(parameter["name"] for parameter in spec["parameters"])
    assert sorted(re.findall(r"\$\{trialParameters\.(\w+)\}", json.dumps(template["trialSpec"]))) == sorted(names)
    assert "metadata" not in template["trialSpec"]
    [container] = template["trialSpec"]["spec"]["template"]["spec"]["containers"]
    assert template["primaryContainerName"] == container["name"]


def test_an_experiment_without_a_space_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="nothing to write"):
        export(tiny_tasks.project(tmp_path, "sentiment-analysis"), "katib")


def test_a_trial_trains_with_what_katib_suggests_and_prints_what_its_collector_finds(tuned):
    spec = experiment(tuned)["spec"]
    job = json.dumps(spec["trialTemplate"]["trialSpec"])
    for name, value in {"learning_rate": "0.005", "epochs": "1", "batch_size": "2"}.items():
        job = job.replace(f"${{trialParameters.{name}}}", value)
    [container] = json.loads(job)["spec"]["template"]["spec"]["containers"]
    command = [str(tuned) if part == "/project" else part for part in [*container["command"], *container["args"]]]
    path = os.pathsep.join([str(TOOLS), os.environ["PATH"]])
    made = subprocess.run(
        command, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=300, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    [pattern] = spec["metricsCollectorSpec"]["source"]["filter"]["metricsFormat"]
    [(name, value)] = [found for line in made.stdout.splitlines() for found in re.findall(pattern, line)]
    assert name == spec["objective"]["objectiveMetricName"]
    settings = (
        "train.tune=null",
        "train.options.learning_rate=0.005",
        "train.options.epochs=1",
        "train.options.batch_size=2",
    )
    now = Executor(tuned, lifecycle.plan(tuned, config.load_project(tuned, settings)))
    assert float(value) == now.record("train").facts["dev"]


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory):
    """A client of a real API server that knows TrainJobs: (arguments, standard input) -> (exit code, output)."""
    place, folder = outside.shared("MODELWORKS_KUBERNETES", "kubernetes"), tmp_path_factory.mktemp("cluster")
    ports = {"KUBE_PORT": str(outside.free_port()), "ETCD_PORT": str(outside.free_port())}
    cluster = Cluster(folder, place / "cluster")
    env = {**cluster.env, **ports}

    def call(*arguments: str | Path, given: str = "") -> tuple[int, str]:
        made = cluster.run(*arguments, stdin=given)
        return made.returncode, made.stdout + made.stderr

    try:
        subprocess.run([cluster.script, "up", folder], env=env, check=True, capture_output=True, timeout=300)
        definition = place / "crds" / "trainer.kubeflow.org_trainjobs.yaml"
        assert call("create", "-f", definition)[0] == 0
        cluster.defines("trainjobs.trainer.kubeflow.org")
        yield call
    finally:
        subprocess.run([cluster.script, "down", folder], env=env, check=False, capture_output=True, timeout=120)


APPLY = ("apply", "--server-side", "--validate=strict", "--dry-run=server", "-f", "-")


def test_a_real_api_server_takes_the_trainjob_and_names_a_wrong_field(kubectl, tmp_path):
    folder = export(tiny_tasks.project(tmp_path, "sentiment-analysis"), "kubeflow", "image=x/y:1", "claim=c")
    text = (folder / "trainjob.yaml").read_text("utf-8")
    code, told = kubectl(*APPLY, given=text)
    assert code == 0, told
    code, told = kubectl(*APPLY, given=text.replace("claimName", "claimNome"))
    assert code != 0
    assert "claimNome" in told


def test_a_real_api_server_takes_the_job_of_a_trial(kubectl, tuned):
    job = experiment(tuned)["spec"]["trialTemplate"]["trialSpec"]
    text = re.sub(r"\$\{trialParameters\.\w+\}", "1", json.dumps({**job, "metadata": {"name": "trial"}}))
    code, told = kubectl(*APPLY, given=text)
    assert code == 0, told
