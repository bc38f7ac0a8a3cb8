"""A stand-in for prometheus-adapter, which no registry here has: the pods' own metrics as Kubernetes's custom metrics.

It reads `/metrics` of the pods that the API server names and offers them at custom.metrics.k8s.io/v1beta2; that the
scaler asks, and what it makes of the answer, is Kubernetes's own doing.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from kubernetes_cluster import Cluster, within

GROUP, VERSION = "custom.metrics.k8s.io", "v1beta2"
SERVICE = {"name": "custom-metrics", "namespace": "default"}
NAMES = f"/apis/{GROUP}/{VERSION}/namespaces/"


def _address(pod: str) -> str:
    """This machine's side of the bridge to its pods, which nothing outside reaches; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.connect((pod, 9))
        return str(door.getsockname()[0])


def _gauge(address: str, name: str) -> float:
    with urllib.request.urlopen(f"http://{address}:8080/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))


def _values(cluster: Cluster, namespace: str, metric: str, selector: str) -> list[dict[str, Any]]:
    pods = cluster.read("pods", f"--namespace={namespace}", f"--selector={selector}")["items"]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = []
    for pod in pods:
        with contextlib.suppress(OSError, KeyError):  # a pod that does not answer yet has no value
            value = _gauge(pod["status"]["podIP"], metric)
            about = {"kind": "Pod", "namespace": namespace, "name": pod["metadata"]["name"], "apiVersion": "/v1"}
            found.append({
                "describedObject": about, "metric": {"name": metric}, "timestamp": now, "value": f"{value:.0f}",
            })  # fmt: skip
    return found


class _Handler(http.server.BaseHTTPRequestHandler):
    cluster: Cluster
    timeout = 30

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.startswith(NAMES):
            namespace, _, _, metric = parts.path.removeprefix(NAMES).split("/")
            (selector,) = parse_qs(parts.query).get("labelSelector", [""])
            items = _values(self.cluster, namespace, metric, selector)
            answer = {"kind": "MetricValueList", "apiVersion": f"{GROUP}/{VERSION}", "metadata": {}, "items": items}
        else:
            resource = {"name": "pods/*", "namespaced": True, "kind": "MetricValueList", "verbs": ["get"]}
            answer = {
                "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{VERSION}",
                "resources": [{**resource, "singularName": ""}],
            }  # fmt: skip
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def _service(address: str, port: int) -> str:
    ports = [{"name": "https", "port": 443}]
    endpoints = [{"name": "https", "port": port}]
    return yaml.safe_dump_all([
        {"apiVersion": "v1", "kind": "Service", "metadata": SERVICE, "spec": {"ports": ports}},
        {
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "ports": endpoints,
            "metadata": {**SERVICE, "labels": {"kubernetes.io/service-name": SERVICE["name"]}},
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        },
    ])  # fmt: skip


REGISTRATION = yaml.safe_dump({
    "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": f"{VERSION}.{GROUP}"},
    "spec": {
        "group": GROUP, "version": VERSION, "groupPriorityMinimum": 100, "versionPriority": 100,
        "insecureSkipTLSVerify": True, "service": SERVICE,
    },
})  # fmt: skip


def _answers(address: str) -> bool:
    """Whether the Service leads here by now: the API server asks it at longer and longer intervals when it does not."""
    with contextlib.suppress(OSError), socket.create_connection((address, 443), timeout=2):
        return True
    return False


def _available(cluster: Cluster) -> bool:
    status = cluster.read("apiservice", f"{VERSION}.{GROUP}").get("status", {})
    return any(one["type"] == "Available" and one["status"] == "True" for one in status.get("conditions", ()))


@contextlib.contextmanager
def offered(cluster: Cluster, pod: str, folder: Path) -> Iterator[None]:
    """Register it with a cluster for the block; `pod` is the address of any pod."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=custom-metrics",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    handler = type("Handler", (_Handler,), {"cluster": cluster})
    server = http.server.ThreadingHTTPServer((_address(pod), 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    # the handshake is the handler's: in `accept` one client that keeps silent would hold up all others
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    service = _service(str(server.server_address[0]), server.server_address[1])
    try:
        cluster("apply", "--filename", "-", stdin=service)
        address = cluster.address(SERVICE["namespace"], SERVICE["name"])
        within(60, lambda: _answers(address), "the Service to lead here")
        cluster("apply", "--filename", "-", stdin=REGISTRATION)
        within(120, lambda: _available(cluster), "the API server to take it")
        yield
    finally:
        cluster.run("delete", "--filename", "-", stdin=f"{REGISTRATION}---\n{service}")
        server.shutdown()
        server.server_close()
