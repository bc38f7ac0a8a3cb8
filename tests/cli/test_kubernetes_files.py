"""`export kubernetes`, `deploy kubernetes` and `engine: kubernetes` without a cluster."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from planted_plans import diamond, run
from tiny_bundles import make_text_bundle

from modelworks.adapters import _kubectl
from modelworks.adapters._kubectl import Kubectl
from modelworks.adapters.deployments import _route, kubernetes
from modelworks.adapters.deployments._rollout import Rollout
from modelworks.adapters.deployments._route import Route
from modelworks.cli.main import group
from modelworks.core.errors import ConfigError, StepError

REFUSED = "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?"


@pytest.fixture(autouse=True)
def moods(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = "name: Moods_2\ntask: sentiment-analysis\ndata: {source: data.csv}\nserve: {deadline: 20, queue: 5}\n"
    (project / "modelworks.yaml").write_text(settings)
    monkeypatch.setattr(_kubectl.time, "sleep", lambda seconds: None)


def call(*arguments: str) -> str:
    result = CliRunner().invoke(group, list(arguments), standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.stdout


def planted(project: Path, script: str) -> str:
    """A kubectl that does as the script says."""
    path = project / "planted-kubectl"
    path.write_text(f'#!/bin/sh\necho "$@" >> {project}/said\n{script}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def deploy(project: Path, script: str, *arguments: str) -> str:
    if not (project / "one").exists():
        make_text_bundle(project / "one")
    chosen = ("--set", f"kubectl={planted(project, script)}", *arguments)
    return call("deploy", "kubernetes", "--bundle", "./one", "--plan", *chosen)


def objects(project: Path, folder: str) -> list[Any]:
    paths = sorted((project / "deploy" / "kubernetes" / folder).glob("*.yaml"))
    return [yaml.safe_load(p.read_text()) for p in paths if p.name != "kustomization.yaml"]


def test_pods_are_hardened_and_have_the_time_to_drain(project):
    call("export", "kubernetes")
    [deployment] = [one for one in objects(project, "base") if one["kind"] == "Deployment"]
    assert deployment["metadata"]["name"] == "moods-2"
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["terminationGracePeriodSeconds"] == 20 + 15 > container["lifecycle"]["preStop"]["sleep"]["seconds"] + 20
    serve = json.loads(container["env"][0]["value"])
    assert (serve["queue"], serve["host"], serve["port"], serve["records"]) == (5, "0.0.0.0", 8080, False)
    [job] = objects(project, "steps")
    [cron] = objects(project, "loop")
    assert cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["command"][-3] == "run"
    assert job["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"] == [1]


def test_training_pods_are_not_behind_the_service(project):
    call("export", "kubernetes")
    [service] = [one for one in objects(project, "base") if one["kind"] == "Service"]
    [step] = objects(project, "steps")
    [canary] = objects(project, "canary")
    wanted = service["spec"]["selector"].items()
    assert not wanted <= step["spec"]["template"]["metadata"]["labels"].items()
    assert wanted <= canary["spec"]["template"]["metadata"]["labels"].items()


def test_a_missing_kubectl_is_told(project):
    make_text_bundle(project / "one")
    with pytest.raises(StepError, match="there is no kubectl") as caught:
        call("deploy", "kubernetes", "--bundle", "./one", "--plan", "--set", "kubectl=no-such-kubectl")
    assert "--set kubectl=PATH" in caught.value.hint


def test_a_server_that_does_not_answer_is_asked_again_and_told(project):
    with pytest.raises(StepError, match="no Kubernetes API server answers"):
        deploy(project, f'[ "$1" = kustomize ] || {{ echo "{REFUSED}" >&2; exit 1; }}')
    assert [line.split()[0] for line in (project / "said").read_text().splitlines()].count("diff") == 3
    assert kubernetes.DEPLOYMENT.check({"kubectl": str(project / "planted-kubectl")}).state == "fault"


def test_a_cluster_that_refuses_us_is_asked_once(project):
    refusal = "error: You must be logged in to the server (Unauthorized)"
    with pytest.raises(StepError, match="does not let us"):
        deploy(project, f'[ "$1" = kustomize ] || {{ echo "{refusal}" >&2; exit 1; }}')
    assert (project / "said").read_text().count("diff") == 1


def test_rubbish_is_told(project):
    with pytest.raises(StepError, match=r"kubectl get .* what is not JSON"):
        deploy(project, 'echo "<html>"')


@pytest.mark.parametrize(
    ("option", "where"), [("canary=120", "canary"), ("wait=soon", "wait"), ("overlay=x", "overlay")]
)
def test_options_without_sense_are_refused(project, option, where):
    with pytest.raises(ConfigError) as caught:
        deploy(project, 'case "$1" in get) ;; *) echo "{}" ;; esac', "--set", option)
    assert where in caught.value.where


def test_an_engine_without_its_job_says_how_to_get_it(project):
    with pytest.raises(ConfigError, match="no Job to fill in") as caught:
        run(project, diamond(), "kubernetes", options={"kubectl": planted(project, "exit 0")})
    assert "export kubernetes" in caught.value.hint


LATE = """\
case " $* " in
  *" create "*) echo '{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "moods-step"},
    "spec": {"template": {"spec": {"containers": [{}]}}}}' ;;
  *" get job "*) [ ! -f began ] || echo '{"status": {"conditions": [
    {"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "Job was active too long"}]}}' ;;
  *" apply "*) touch began ;;
  *" logs "*) exit 1 ;;
esac
"""


def test_a_job_whose_time_is_over_is_told_though_its_pods_are_gone(project):
    (project / "jobs").mkdir()
    (project / "jobs" / "kustomization.yaml").write_text("resources: []\n")
    options = {"kubectl": planted(project, f"cd {project}\n{LATE}"), "jobs": "jobs"}
    with pytest.raises(StepError) as caught:
        run(project, diamond(), "kubernetes", options=options)
    assert "DeadlineExceeded: Job was active too long" in str(caught.value)


BEGUN = """\
case "$2" in deployment) echo '{"metadata": {"generation": 1}, "status": {"observedGeneration": 1},
  "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "moods"}}}}' ;; esac
"""


def test_a_deployment_whose_first_pods_are_not_made_yet_is_waited_for(project):
    options = {"kubectl": planted(project, BEGUN), "context": "", "namespace": ""}
    said: list[str] = []
    rollout = Rollout(Kubectl(options), "moods", 0.0, SimpleNamespace(say=said.append))  # type: ignore[arg-type]
    assert rollout.stands() == ""
    with pytest.raises(StepError, match="the rollout of moods stalls") as caught:
        rollout.wait()
    assert "0 of 1 pods are new" in caught.value.seen


ROUTED = """\
[ "$1" = get ] && echo '{"metadata": {"generation": 2},
  "spec": {"rules": [{"backendRefs": [{"weight": 100}, {"weight": 0}]}]},
  "status": {"parents": [{"conditions": [{"type": "Accepted", "status": "True", "observedGeneration": 1}]}]}}'
exit 0
"""


def test_a_gateway_that_takes_up_no_weight_is_told(project, monkeypatch):
    monkeypatch.setattr(_route, "_SECONDS", 0.0)
    route = Route(Kubectl({"kubectl": planted(project, ROUTED), "context": "", "namespace": ""}), "moods")
    assert route.weight() == 0
    with pytest.raises(StepError, match="no Gateway says that it took up the weight"):
        route.weigh(20)
    [patch] = [line for line in (project / "said").read_text().splitlines() if line.startswith("patch")]
    assert '/0/weight", "value": 80}' in patch
    assert '/1/weight", "value": 20}' in patch


def test_a_canary_before_its_route_says_what_comes_first(project):
    route = Route(Kubectl({"kubectl": planted(project, "exit 0"), "context": "", "namespace": ""}), "moods")
    route.weigh(0)
    with pytest.raises(ConfigError, match="no route to weigh") as caught:
        route.weigh(20)
    assert "without --set canary" in caught.value.hint


@pytest.mark.parametrize("option", ["gateway=a/b/c", "gateway=Public", "hostname=x:80"])
def test_a_gateway_or_host_that_cannot_be_is_refused(project, option):
    with pytest.raises(ConfigError) as caught:
        call("export", "kubernetes", "--set", "gateway=public", "--set", option)
    assert caught.value.where == f"--set {option.partition('=')[0]}"


def test_without_a_gateway_there_is_no_route(project):
    call("export", "kubernetes")
    assert all(one["kind"] != "HTTPRoute" for one in objects(project, "base"))


def test_changes_are_read_from_a_difference():
    head = "--- {0}/{2}\t2026-01-01\n+++ {1}/{2}\t2026-01-01\n"
    parts = [
        "diff -u -N /tmp/LIVE-1/apps.v1.Deployment.ml.moods /tmp/MERGED-2/apps.v1.Deployment.ml.moods\n",
        head.format("/tmp/LIVE-1", "/tmp/MERGED-2", "apps.v1.Deployment.ml.moods"),
        "@@ -1,3 +1,3 @@\n-  generation: 1\n+  generation: 2\n-        image: moods:a\n+        image: moods:b\n",
        "diff -u -N /tmp/LIVE-1/v1.Service.ml.moods /tmp/MERGED-2/v1.Service.ml.moods\n",
        head.format("/tmp/LIVE-1", "/tmp/MERGED-2", "v1.Service.ml.moods"),
        "@@ -0,0 +1,2 @@\n+apiVersion: v1\n+kind: Service\n",
    ]
    one, other = kubernetes._changes("".join(parts))
    assert (one.verb, other.verb) == ("update", "create")
    assert one.what.split("\n")[0] == "Deployment ml/moods"
    assert "image: moods:b" in one.what
    assert "generation" not in one.what
    assert other.what == "Service ml/moods"
