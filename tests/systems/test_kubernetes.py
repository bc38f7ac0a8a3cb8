"""Kubernetes for real: rollouts, canary, undo, steps as Jobs, Helm, and definitions of custom resources."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gateway
import kubernetes_cluster
import metrics_adapter
import pytest
import yaml
from airflow_home import Airflow, shown
from commands import modelworks
from docker_engine import Engine
from engine_suite import *  # noqa: F403
from kubernetes_cluster import MIXED, Cluster, inputs, load, within
from outside import ROOT, environment, program, shared
from tiny_bundles import make_text_bundle
from tiny_tasks import project as tiny_project

from modelworks.adapters.deployments.kubernetes import DEPLOYMENT
from modelworks.bundle import open_manifest
from modelworks.core.errors import StepError

pytestmark = pytest.mark.systems
TRIES = itertools.count(1)
SETTINGS = {"name": "moods", "task": "sentiment-analysis", "data": {"source": "data.csv"}}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with kubernetes_cluster.running(tmp_path_factory.mktemp("kubernetes"), nodes=True) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three bundles; the image of the last one holds it altered."""
    folder = tmp_path_factory.mktemp("bundles")
    names = {"one": 0, "two": 1, "bad": 2}
    return {name: make_text_bundle(folder / name, seed=seed, name="moods") for name, seed in names.items()}


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle for one test alone: an image that a kubelet has pulled itself it gives to nobody under another name."""
    return make_text_bundle(tmp_path_factory.mktemp("pulled") / "bundle", seed=3, name="moods")


@pytest.fixture(scope="module")
def images(
    cluster: Cluster, docker: Engine, serving_image: str, bundles: dict[str, Path], pulled: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("images")
    cluster.load(kubernetes_cluster.bake(docker, {**bundles, "pulled": pulled}, folder, broken="bad"))


@pytest.fixture
def namespace(
    cluster: Cluster, project: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A namespace of the test's own, which the project deploys into."""
    monkeypatch.setenv("KUBECONFIG", cluster.config)
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)[:50].strip("-").lower()
    name += f"-{next(TRIES)}"  # tried once more, it is another: the first may still be going away
    options = {"kubectl": cluster.kubectl, "namespace": name, "pull": "Never", "cpu": "20m", "memory": "300Mi"}
    settings = {**SETTINGS, "targets": {"kubernetes": {**options, "wait": "240"}}}
    (project / "modelworks.yaml").write_text(yaml.safe_dump(settings))
    with cluster.namespace(name):
        yield name


def deploy(bundle: Path, *arguments: str) -> Any:
    return modelworks("deploy", "kubernetes", "--bundle", str(bundle), "--yes", "--json", *arguments)


def answering(host: str, times: int = 1) -> Counter[str]:
    """The ids of the bundles that answer, each time on a new connection."""
    seen: Counter[str] = Counter()
    for _ in range(times):
        with urllib.request.urlopen(f"http://{host}/readyz", timeout=30) as answer:
            seen[json.load(answer)["bundle"]] += 1
    return seen


def leads_on(host: str) -> bool:
    with contextlib.suppress(OSError):
        return bool(answering(host))
    return False


def only(bundle: Path) -> set[str]:
    return {open_manifest(bundle).id}


def test_rollouts_keep_answering_and_can_be_undone(cluster, images, bundles, namespace):
    one, two, bad = bundles.values()
    planned = modelworks("deploy", "kubernetes", "--bundle", str(one), "--plan")
    for kind in ("Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy"):
        assert f"create   {kind} {namespace}/moods" in planned
    assert cluster.read("deployments", f"--namespace={namespace}")["items"] == []
    assert deploy(one)["address"] == f"http://moods.{namespace}.svc"
    host = cluster.address(namespace, "moods")
    within(60, lambda: len(cluster.read("pods", f"--namespace={namespace}")["items"]) == 2, "two, as the scaler wants")
    assert set(answering(host, 10)) == only(one)
    assert deploy(one)["changes"] == []
    planned = modelworks("deploy", "kubernetes", "--bundle", str(two), "--plan")
    assert f"+        image: moods:{open_manifest(two).id[:12]}" in planned
    with load(host) as asked:
        asked.until(50)
        deploy(two)
        asked.until(50)
        within(60, lambda: set(answering(host, 10)) == only(two), "old pods leave the Service a little later")
        with pytest.raises(StepError, match="stalls; the old pods answer") as caught:
            deploy(bad)
        assert "tokenizer.json" in str(caught.value.seen)
        assert set(answering(host, 10)) == only(two)
        assert deploy(two)["changes"] == []
        modelworks("deploy", "kubernetes", "--undo", "--yes")
        asked.until(50)
        within(60, lambda: set(answering(host, 10)) == only(one), "the release before")
    assert asked.lost == []
    assert set(asked.answered) == {200}
    assert "nowhere" in modelworks("deploy", "kubernetes", "--undo", "--yes")
    assert cluster.read("deployments,services", f"--namespace={namespace}")["items"] == []


def test_a_killed_pod_loses_nothing_and_a_canary_has_its_share(cluster, images, bundles, namespace):
    one, two, _ = bundles.values()
    deploy(one)
    host = cluster.address(namespace, "moods")
    in_it = f"--namespace={namespace}"
    ready = ("wait", "pods", "--for=condition=Ready", "--selector=modelworks/track=stable", "--timeout=120s", in_it)
    within(60, lambda: len(cluster.read("pods", in_it)["items"]) == 2)
    cluster(*ready, seconds=150)
    with load(host, clients=6) as asked:
        asked.until(100)
        pod = cluster.read("pods", in_it)["items"][0]["metadata"]["name"]
        cluster("delete", "pod", pod, in_it)
        cluster(*ready, seconds=150)
        asked.until(50)
        assert "canary: 33 %" in deploy(two, "--set", "canary=33")["address"]
        share = answering(host, 150)
        assert set(share) == only(one) | only(two)
        assert 0.1 < share[open_manifest(two).id] / 150 < 0.6
        promoted = modelworks("deploy", "kubernetes", "--bundle", str(two), "--plan")
        assert "delete   Deployment moods-canary" in promoted
        modelworks("deploy", "kubernetes", "--undo", "--yes")
        within(60, lambda: set(answering(host, 30)) == only(one))
    assert asked.lost == []
    assert set(asked.answered) == {200}


def test_a_gateway_gives_a_canary_its_weight_whatever_its_pods(
    cluster, images, bundles, namespace, project, tmp_path
):  # fmt: skip
    """Three pods, of which one is the canary's; Traefik takes the tracks in turn, as they weigh."""
    one, two, bad = bundles.values()
    settings = yaml.safe_load((project / "modelworks.yaml").read_text())
    settings["targets"]["kubernetes"]["gateway"] = gateway.NAME
    (project / "modelworks.yaml").write_text(yaml.safe_dump(settings))
    with gateway.running(cluster, tmp_path) as host:
        deploy(one)
        within(60, lambda: leads_on(host), "the Gateway takes up the route")
        with load(host, bodies=MIXED[1:]) as asked:
            assert "canary: 20 %" in deploy(two, "--set", "canary=20")["address"]
            assert 0.15 < answering(host, 100)[open_manifest(two).id] / 100 < 0.25
            assert deploy(two, "--set", "canary=20")["changes"] == []
            planned = modelworks("deploy", "kubernetes", "--bundle", str(two), "--plan", "--set", "canary=50")
            assert "update   HTTPRoute moods: 20 % → 50 % to the canary" in planned
            with pytest.raises(StepError, match="stalls"):
                deploy(bad, "--set", "canary=50")
            assert 0.15 < answering(host, 100)[open_manifest(two).id] / 100 < 0.25
            modelworks("deploy", "kubernetes", "--undo", "--yes")
            assert set(answering(host, 30)) == only(one)
            deploy(two, "--set", "canary=50")
            deploy(two)
            within(60, lambda: set(answering(host, 30)) == only(two), "the canary is all there is")
        assert asked.lost == []
        assert set(asked.answered) == {200}


def test_an_image_comes_from_a_registry_by_its_digest(cluster, images, pulled, bundles, namespace, registry, project):
    """Its layers lie in the node already, from the archive that was loaded; the manifest does not."""
    digest = cluster.push(f"moods:{open_manifest(pulled).id[:12]}", f"{registry}/ml/moods:1")
    path = project / "modelworks.yaml"
    path.write_text(path.read_text().replace("pull: Never", "pull: Always"))
    deploy(pulled, "--set", f"image={digest}")
    assert set(answering(cluster.address(namespace, "moods"), 10)) == only(pulled)
    told = cluster.read("events", f"--namespace={namespace}", "--field-selector=reason=Pulled")["items"]
    assert told
    assert all(f'Successfully pulled image "{digest}"' in event["message"] for event in told)
    with pytest.raises(StepError) as caught:
        deploy(bundles["two"], "--set", f"image={digest[:-8]}00000000", "--set", "wait=60")
    assert "00000000" in str(caught.value)


def test_the_scaler_follows_what_waits(cluster, images, bundles, namespace, tmp_path):
    deploy(bundles["one"])
    in_it = f"--namespace={namespace}"

    def replicas() -> int:
        return cluster.read("deployments", in_it, "moods")["spec"]["replicas"]

    pod = cluster.read("pods", in_it)["items"][0]["status"]["podIP"]
    with metrics_adapter.offered(cluster, pod, tmp_path):
        within(180, lambda: replicas() == 2, "the smallest number")
        with load(cluster.address(namespace, "moods"), clients=3, bodies=[inputs(20)]) as asked:
            within(180, lambda: replicas() > 2, "60 inputs for two pods that should have 16 each")
        told = cluster.read("hpa", in_it, "moods")["status"]["currentMetrics"]
        assert told[0]["pods"]["metric"]["name"] == "modelworks_inputs_in_flight"
    assert asked.lost == []


def test_a_refused_login_is_told(cluster, bundles, namespace, project, monkeypatch):
    text = Path(cluster.config).read_text()
    token = yaml.safe_load(text)["users"][0]["user"]["token"]
    (project / "kubeconfig").write_text(text.replace(token, "planted"))
    monkeypatch.setenv("KUBECONFIG", str(project / "kubeconfig"))
    with pytest.raises(StepError, match="does not let us"):
        deploy(bundles["one"])
    options = {**DEPLOYMENT.options, "kubectl": cluster.kubectl}
    assert DEPLOYMENT.check(options).state == "fault"
    monkeypatch.setenv("KUBECONFIG", cluster.config)
    assert DEPLOYMENT.check(options).state == "ok"


# Steps as Jobs. Their pods hold this machine's Python, so that no image with torch must be made.

OVERLAY = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../<<folder>>]
patches:
  - target: {kind: <<kind>>}
    patch: |
      - {op: replace, path: <<job>>/spec/backoffLimit, value: 0}
      - {op: replace, path: <<job>>/spec/template/spec/securityContext, value: {runAsUser: 0}}
      - {op: replace, path: <<job>>/spec/template/spec/volumes, value: <<volumes>>}
      - {op: replace, path: <<job>>/spec/template/spec/containers/0/volumeMounts, value: <<mounts>>}
      - {op: replace, path: <<job>>/spec/template/spec/containers/0/imagePullPolicy, value: Never}
      - {op: replace, path: <<job>>/spec/template/spec/containers/0/workingDir, value: "<<project>>"}
      - {op: replace, path: <<job>>/spec/template/spec/containers/0/resources, value: {}}
      - {op: add, path: <<job>>/spec/template/spec/containers/0/env/-, value: {name: PYTHONPATH, value: "<<path>>"}}
"""
PYTHON = str(Path(sys.prefix).resolve() / "bin" / Path(sys.executable).name)


def overlay(project: Path, folder: str, kind: str, job: str = "") -> str:
    """A folder `deploy/kubernetes/here` for this machine over an exported one; `job` leads to the Job in the object."""
    volumes, mounts = host_paths(
        Path("/usr"), ROOT, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve(), project
    )
    filled = {
        "folder": folder, "kind": kind, "job": job, "project": str(project), "volumes": json.dumps(volumes),
        "mounts": json.dumps(mounts), "path": f"{ROOT}/src:{ROOT}/tests/support",
    }  # fmt: skip
    text = OVERLAY
    for name, value in filled.items():
        text = text.replace(f"<<{name}>>", value)
    here = project / "deploy" / "kubernetes" / "here"
    here.mkdir()
    (here / "kustomization.yaml").write_text(text)
    return "deploy/kubernetes/here"


def host_paths(*folders: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The folders of this machine, read-only but the last one, at the same places in a pod."""
    named = [(f"host{number}", str(folder)) for number, folder in enumerate(folders)]
    volumes = [{"name": name, "hostPath": {"path": path}} for name, path in named]
    mounts = [{"name": name, "mountPath": path, "readOnly": True} for name, path in named]
    mounts[-1]["readOnly"] = False
    return [*volumes, {"name": "tmp", "emptyDir": {}}], [*mounts, {"name": "tmp", "mountPath": "/tmp"}]


@pytest.fixture
def engine() -> str:
    return "kubernetes"


@pytest.fixture
def training(images: None, bundles: dict[str, Path]) -> str:
    """An image in which this machine's Python can run."""
    return f"moods:{open_manifest(bundles['one']).id[:12]}"


@pytest.fixture
def options(cluster: Cluster, training: str, namespace: str, project: Path) -> dict[str, Any]:
    """The engine's, with an overlay of the exported Job for this machine."""
    modelworks("export", "kubernetes", "--set", f"training={training}")
    jobs = overlay(project, "steps", "Job")
    return {"kubectl": cluster.kubectl, "namespace": namespace, "jobs": jobs, "wait": 300, "python": PYTHON}


def test_a_run_of_jobs_reaches_a_gated_release(cluster, options, namespace, project):
    tiny_project(project, "sentiment-analysis")
    settings = yaml.safe_load((project / "modelworks.yaml").read_text())
    settings["engine"] = {"name": "kubernetes", "options": options}
    (project / "modelworks.yaml").write_text(yaml.safe_dump(settings))
    outcome = modelworks("run", "--json")
    assert outcome["ran"] == ["prepare", "train", "export", "optimize", "evaluate", "gate", "release"]
    assert outcome["passed"] is True
    assert "champion" in (project / "modelworks.lock").read_text()
    jobs = cluster.read("jobs", f"--namespace={namespace}")["items"]
    assert sorted(job["metadata"]["name"].split("-")[1] for job in jobs) == sorted(outcome["ran"])
    assert modelworks("run", "--json")["ran"] == []


def test_the_loop_fires_and_reaches_a_release(cluster, training, namespace, project):
    tiny_project(project, "sentiment-analysis")
    modelworks("export", "kubernetes", "--set", f"training={training}")
    here = project / overlay(project, "loop", "CronJob", "/spec/jobTemplate") / "kustomization.yaml"
    here.write_text(
        here.read_text()
        + f"""\
      - {{op: replace, path: /spec/schedule, value: "* * * * *"}}
      - {{op: replace, path: /spec/jobTemplate/spec/template/spec/containers/0/command/0, value: "{PYTHON}"}}
"""
    )
    in_it = f"--namespace={namespace}"
    cluster("apply", in_it, "--kustomize", here.parent)
    within(400, lambda: any(job["status"].get("succeeded") for job in cluster.read("jobs", in_it)["items"]), "the loop")
    cluster("delete", in_it, "--kustomize", here.parent)
    assert "champion" in (project / "modelworks.lock").read_text()


CLAIM = """
{apiVersion: v1, kind: PersistentVolume, metadata: {name: work}, spec: {storageClassName: "", capacity: {storage: 1Gi},
 accessModes: [ReadWriteMany], hostPath: {path: "<<project>>"}}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: work}, spec: {storageClassName: "", volumeName: work,
 accessModes: [ReadWriteMany], resources: {requests: {storage: 1Gi}}}}
"""


def test_airflow_reaches_a_gated_release_with_a_pod_a_step(cluster, training, namespace, project, tmp_path):
    tiny_project(project, "sentiment-analysis")
    modelworks("run", "--until", "optimize")
    command = str(Path(PYTHON).with_name("modelworks"))
    chosen = ("operator=kubernetes", "project=work", f"image={training}", f"command={command}", "retries=0")
    modelworks("export", "airflow", *(word for option in chosen for word in ("--set", option)))
    volumes, mounts = host_paths(Path("/usr"), ROOT, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve())
    more = f"""
        "namespace": {namespace!r}, "config_file": {cluster.config!r}, "in_cluster": False,
        "image_pull_policy": "Never", "security_context": {{"runAsUser": 0}},
        "env_vars": {{"PYTHONPATH": "{ROOT}/src:{ROOT}/tests/support", "HOME": "/tmp"}},
        "volumes": [*given["volumes"], *(
            models.V1Volume(name=one["name"], host_path=models.V1HostPathVolumeSource(path=one["hostPath"]["path"]))
            for one in {[one for one in volumes if "hostPath" in one]}
        )],
        "volume_mounts": [*given["volume_mounts"], *(
            models.V1VolumeMount(name=one["name"], mount_path=one["mountPath"], read_only=True)
            for one in {[one for one in mounts if one["name"] != "tmp"]}
        )],
    """
    operator = "airflow.providers.cncf.kubernetes.operators.pod.KubernetesPodOperator"
    exported_dag = project / "deploy" / "airflow" / "tiny_dag.py"
    dags = shown(exported_dag, tmp_path / "dags", operator, "from kubernetes.client import models", more)
    cluster("apply", "--filename=-", f"--namespace={namespace}", stdin=CLAIM.replace("<<project>>", str(project)))
    try:
        code, log = Airflow(tmp_path / "airflow")("dags", "test", "tiny", dags=dags)
    finally:
        cluster("delete", "persistentvolume", "work", "--wait=false")
    assert code == 0, log[-5000:]
    assert "champion" in (project / "modelworks.lock").read_text()
    assert modelworks("run", "--json")["ran"] == []


# Forms that are checked without pods.


def exported(project: Path, *targets: str, **options: str) -> Path:
    (project / "modelworks.yaml").write_text(yaml.safe_dump(SETTINGS))
    for target in targets:
        given = [part for key, value in options.items() for part in ("--set", f"{key}={value}")]
        modelworks("export", target, *given)
    return project / "deploy"


@pytest.mark.parametrize("version", ["1.30", "1.33"])
def test_older_versions_know_every_field(cluster, project, version):
    folder = exported(project, "kubernetes") / "kubernetes"
    rendered = [cluster("kustomize", folder / name) for name in ("base", "canary", "steps", "loop")]
    (project / "all.yaml").write_text("\n---\n".join(rendered))
    validate = [environment("kubernetes") / "bin" / "kubernetes-validate", "--strict", "-k", version]
    done = subprocess.run([*validate, project / "all.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (project / "wrong.yaml").write_text(rendered[0].replace("maxSurge", "maxSurges"))
    done = subprocess.run([*validate, project / "wrong.yaml"], capture_output=True, text=True, check=False)
    assert done.returncode != 0


def test_the_route_of_a_gateway_is_what_its_own_types_hold(cluster, project, tmp_path):
    folder = exported(project, "kubernetes", gateway=gateway.NAME, hostname="moods.example.org")
    tool = program("helm", shared_tools(tmp_path))
    values = "gateway.name=public,gateway.namespace=default,gateway.hostnames={moods.example.org},canary.weight=20"
    chart = exported(project, "helm") / "helm"
    told = subprocess.run([tool, "template", "moods", chart, "--set", values], capture_output=True, check=True)
    for text, weights in ((cluster("kustomize", folder / "kubernetes" / "base"), [100, 0]), (told.stdout, [80, 20])):
        [route] = [one for one in yaml.safe_load_all(text) if one and one["kind"] == "HTTPRoute"]
        assert gateway.valid(route) == ""
        assert [one["weight"] for one in route["spec"]["rules"][0]["backendRefs"]] == weights
        route["spec"]["rules"][0]["backendRefs"][0]["weight"] = "all"
        assert "must be integer" in gateway.valid(route)


@pytest.fixture(scope="module")
def definitions(cluster: Cluster) -> None:
    """The published definitions of KServe and of the Prometheus operator."""
    crds = shared("MODELWORKS_KUBERNETES", "kubernetes") / "crds"
    cluster("apply", "--server-side", "--filename", crds, seconds=300)
    cluster.defines(
        "servicemonitors.monitoring.coreos.com", "prometheusrules.monitoring.coreos.com",
        "inferenceservices.serving.kserve.io", "servingruntimes.serving.kserve.io",
    )  # fmt: skip


def test_custom_resources_are_valid_by_their_published_definitions(cluster, definitions, project):
    folder = exported(project, "kubernetes", "kserve")
    strict = ("apply", "--server-side", "--validate=strict", "--dry-run=server")
    told = cluster(*strict, "--kustomize", folder / "kubernetes" / "monitoring")
    assert "servicemonitor" in told
    assert "prometheusrule" in told
    exported(project, "kserve", storage="pvc://models/moods", canary="10")
    for arguments in ({}, {"storage": "pvc://models/moods", "canary": "10"}):
        folder = exported(project, "kserve", **arguments) / "kserve"
        told = cluster(*strict, "--filename", folder)
        assert "inferenceservice" in told
        assert "servingruntime" in told
    (folder / "service.yaml").write_text((folder / "service.yaml").read_text().replace("runtime:", "runtim:"))
    wrong = cluster.run(*strict, "--filename", folder / "service.yaml")
    assert wrong.returncode
    assert "runtim" in wrong.stderr


def test_the_chart_installs_upgrades_and_rolls_back(cluster, images, bundles, namespace, project, tmp_path):
    chart = exported(project, "helm") / "helm"
    tool = program("helm", shared_tools(tmp_path))
    tags = {name: open_manifest(bundle).id[:12] for name, bundle in bundles.items()}

    def helm(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [tool, *map(str, words)], capture_output=True, text=True, env=cluster.env, timeout=400, check=False
        )

    def install(name: str, *words: str) -> subprocess.CompletedProcess[str]:
        values = f"image.pullPolicy=Never,resources.cpu=20m,image.repository=moods,image.tag={tags[name]}"
        return helm("upgrade", "--install", "mine", chart, "--namespace", namespace, "--set", values, "--wait", *words)

    lint = helm("lint", "--strict", chart)
    assert lint.returncode == 0, lint.stdout
    assert helm("template", chart, "--set", "imag=typo").returncode
    for name in ("one", "two"):
        done = install(name, "--timeout", "240s")
        assert done.returncode == 0, done.stderr
    host = cluster.address(namespace, "mine")
    within(60, lambda: set(answering(host, 10)) == only(bundles["two"]))
    assert install("bad", "--timeout", "15s").returncode
    assert set(answering(host, 10)) == only(bundles["two"])
    done = helm("rollback", "mine", "1", "--namespace", namespace, "--wait", "--timeout", "240s")
    assert done.returncode == 0, done.stderr
    within(60, lambda: set(answering(host, 10)) == only(bundles["one"]))


def shared_tools(folder: Path) -> Path:
    (folder / "tools").mkdir()
    return folder / "tools"
