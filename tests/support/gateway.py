"""A real Gateway before a test's cluster: Traefik, on loopback, with the rights of the cluster's administrator.

No registry here has the published definitions of the Gateway API, so the API server gets open ones and checks no shape;
`valid` does, by models that are made of the Gateway API's own types.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from kubernetes_cluster import Cluster
from outside import answers, environment, free_port, server

GROUP = "gateway.networking.k8s.io"
NAME = "default/public"
KINDS = (
    ("GatewayClass", "gatewayclasses", "v1"), ("Gateway", "gateways", "v1"), ("HTTPRoute", "httproutes", "v1"),
    ("GRPCRoute", "grpcroutes", "v1"), ("TLSRoute", "tlsroutes", "v1"),
    ("ReferenceGrant", "referencegrants", "v1beta1"), ("BackendTLSPolicy", "backendtlspolicies", "v1"),
)  # fmt: skip
"""What Traefik watches."""


def _definition(kind: str, plural: str, version: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{GROUP}", "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}
        },
        "spec": {
            "group": GROUP, "scope": "Cluster" if kind == "GatewayClass" else "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [{**served, "subresources": {"status": {}}}],
        },
    }  # fmt: skip


def _public(port: int) -> list[dict[str, Any]]:
    """A Gateway that takes every host's requests on a port, for routes of all namespaces."""
    listener = {
        "name": "web", "port": port, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "All"}},
    }  # fmt: skip
    namespace, name = NAME.split("/")
    of = {"apiVersion": f"{GROUP}/v1"}
    return [
        {**of, "kind": "GatewayClass", "metadata": {"name": "traefik"},
         "spec": {"controllerName": "traefik.io/gateway-controller"}},
        {**of, "kind": "Gateway", "metadata": {"name": name, "namespace": namespace},
         "spec": {"gatewayClassName": "traefik", "listeners": [listener]}},
    ]  # fmt: skip


def _login(cluster: Cluster, folder: Path) -> list[str]:
    """How Traefik reaches the API server."""
    known = yaml.safe_load(Path(cluster.config).read_text())
    authority = folder / "authority.pem"
    authority.write_text(cluster.read("configmap", "kube-root-ca.crt", "--namespace=default")["data"]["ca.crt"])
    place, user = known["clusters"][0]["cluster"], known["users"][0]["user"]
    given = {"endpoint": place["server"], "token": user["token"], "certauthfilepath": authority}
    return [f"--providers.kubernetesgateway.{key}={value}" for key, value in given.items()]


@contextlib.contextmanager
def running(cluster: Cluster, folder: Path) -> Iterator[str]:
    """host:port of a Gateway that the routes of every namespace may name as NAME."""
    made = [_definition(*one) for one in KINDS]
    cluster("apply", "--server-side", "--filename=-", stdin=yaml.safe_dump_all(made))
    cluster.defines(*(one["metadata"]["name"] for one in made))
    port = free_port()
    cluster("apply", "--server-side", "--filename=-", stdin=yaml.safe_dump_all(_public(port)))
    command = [
        environment("kubernetes") / "bin" / "traefik", f"--entrypoints.web.address=127.0.0.1:{port}",
        "--providers.kubernetesgateway=true", *_login(cluster, folder),
        "--global.checknewversion=false", "--global.sendanonymoususage=false",
    ]  # fmt: skip
    with server(command, folder / "traefik.log") as process:
        answers(f"http://127.0.0.1:{port}/", 60, process)
        yield f"127.0.0.1:{port}"


_VALIDATE = """\
import {HTTPRoute} from "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRoute";
new HTTPRoute(JSON.parse(process.argv[1])).validate();
"""


def valid(route: dict[str, Any]) -> str:
    """What is wrong with an HTTPRoute; empty when nothing is."""
    command = ["node", "--input-type=module", "--eval", _VALIDATE, json.dumps(route)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=environment("kubernetes"))
    return done.stderr if done.returncode else ""
