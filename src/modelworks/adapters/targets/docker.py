"""Docker: a small serving image, a training image, and a Compose file with MLflow, Prometheus and Grafana."""

from __future__ import annotations

import json
import re
from pathlib import Path

from modelworks.adapters.targets._compose import COMPOSE, PROMETHEUS
from modelworks.adapters.targets._text import fill, head
from modelworks.contracts.target import Facts, File, Target

_SERVE = """\
# What answers, and nothing else: no torch, no pip, no compiler, no shell script.
#   modelworks bundle export champion deploy/docker/bundle.zip
#   docker build --build-arg BUNDLE=bundle.zip --tag <<image>> deploy/docker
#   docker run --read-only --cap-drop ALL --security-opt no-new-privileges -p 127.0.0.1:8080:8080 <<image>>
# Without BUNDLE the image holds no model: mount one at /bundle, or name a folder in MODELWORKS_BUNDLE.
# Needs BuildKit (the default since Docker 23).

# Any glibc image with Python 3.11 or newer and pip; pin it by digest: NAME@sha256:…
ARG BASE=<<base>>

FROM ${BASE} AS build
ARG REQUIREMENT="<<requirement>>"
# Other indexes. One with a password: docker build --secret id=pip.conf,src=FILE
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
# Wheels in wheels/ are taken beside the index's, and constraints.txt pins versions; both may be absent, so these are
# patterns. Nothing else is copied: another model installs nothing anew.
COPY constraints.tx[t] wheel[s]/* /context/
RUN --mount=type=cache,target=/root/.cache/pip \\
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf \\
    set -- --no-compile --disable-pip-version-check --find-links /context \\
    && if [ -f /context/constraints.txt ]; then set -- "$@" --constraint /context/constraints.txt; fi \\
    && python3 -m venv --without-pip /opt/modelworks \\
    && python3 -m pip --python /opt/modelworks/bin/python install "$@" "${REQUIREMENT}"
# A server downloads nothing, tests nothing, converts nothing and is told which bundle to open: 75 MB less.
WORKDIR /opt/modelworks/lib
RUN python3 -m pip --python /opt/modelworks/bin/python uninstall --yes --quiet hf-xet huggingface-hub \\
    && find . -depth -type d \\( -name tests -o -path '*/numpy/f2py' -o -path '*/numpy/distutils' \\
    -o -path '*/onnxruntime/transformers' -o -path '*/onnxruntime/quantization' -o -path '*/onnxruntime/tools' \\) \\
    -exec rm -r {} + \\
    && find . \\( -name '*.pyi' -o -path '*/modelworks/starters/*.zip' -o -path '*/modelworks/starters/*.delta' \\) \\
    -delete \\
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash .
# A bundle that is damaged or altered ends the build here.
ARG BUNDLE=""
RUN --mount=type=bind,target=/given \\
    mkdir /bundle \\
    && if [ -d "/given/${BUNDLE:-.none}" ]; then cp -r "/given/${BUNDLE}/." /bundle; \\
    elif [ -n "${BUNDLE}" ]; then python3 -m zipfile -e "/given/${BUNDLE}" /bundle; fi \\
    && if [ -n "${BUNDLE}" ]; then /opt/modelworks/bin/modelworks bundle verify /bundle; fi \\
    && chmod -R a+rX /bundle \\
    && mkdir -p /usr/share/sbom \\
    && /opt/modelworks/bin/python /given/sbom.py > /usr/share/sbom/modelworks.cdx.json

FROM ${BASE}
COPY --from=build /opt/modelworks /opt/modelworks
COPY --from=build /usr/share/sbom /usr/share/sbom
COPY --from=build /bundle /bundle
# MODELWORKS_SERVE is the section `serve` of modelworks.yaml; nothing is written, so that the root may be read-only.
ENV PATH=/opt/modelworks/bin:$PATH \\
    PYTHONUNBUFFERED=1 \\
    PYTHONDONTWRITEBYTECODE=1 \\
    ORT_DISABLE_TELEMETRY=1 \\
    MODELWORKS_BUNDLE=/bundle \\
    MODELWORKS_SERVE='<<serve>>'
WORKDIR /
USER 1000:1000
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-I", "-S", "-c", \\
    "import http.client, json, os, sys; \\
    door = http.client.HTTPConnection('127.0.0.1', json.loads(os.environ['MODELWORKS_SERVE'])['port'], timeout=4); \\
    door.request('GET', '/readyz'); \\
    sys.exit(door.getresponse().status != 200)"]
ENTRYPOINT ["modelworks"]
CMD ["serve"]
# Last, so that another commit or time makes no other layer.
ARG VERSION=""
ARG REVISION=""
ARG CREATED=""
ARG SOURCE=""
LABEL org.opencontainers.image.title="<<name>>" \\
      org.opencontainers.image.description="Answers over HTTP with modelworks" \\
      org.opencontainers.image.version="${VERSION}" \\
      org.opencontainers.image.revision="${REVISION}" \\
      org.opencontainers.image.created="${CREATED}" \\
      org.opencontainers.image.source="${SOURCE}"
"""

_SERVE_IGNORE = """\
# Nothing is sent to the builder but what the Dockerfile asks for.
*
!sbom.py
!constraints.txt
!wheels
!bundle
!bundle.zip
"""

_TRAIN = """\
# The project with all that training needs: `modelworks run` in a container, on one machine or a cluster.
#   docker build --file deploy/docker/Dockerfile.train --tag <<image>>-train .
#   docker run --volume "$PWD:/project" --user "$(id -u):$(id -g)" <<image>>-train run
# Mounted like this, store and modelworks.lock stay when it ends; without a mount it runs on the copy inside.
# On a machine with a GPU: --gpus all. Without one, PIP_EXTRA_INDEX_URL can name an index of torch for CPUs (smaller).
# Needs BuildKit (the default since Docker 23).
ARG BASE=<<base>>

FROM ${BASE} AS build
ARG REQUIREMENT="<<full>>"
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
# Wheels and pins as for the serving image; both may be absent.
COPY deploy/docker/constraints.tx[t] deploy/docker/wheel[s]/* /context/
RUN --mount=type=cache,target=/root/.cache/pip \\
    --mount=type=secret,id=pip.conf,target=/etc/pip.conf \\
    set -- --disable-pip-version-check --find-links /context \\
    && if [ -f /context/constraints.txt ]; then set -- "$@" --constraint /context/constraints.txt; fi \\
    && python3 -m venv --without-pip /opt/modelworks \\
    && python3 -m pip --python /opt/modelworks/bin/python install "$@" "${REQUIREMENT}"
COPY . /project
RUN rm -rf /project/deploy/docker/wheels

FROM ${BASE}
COPY --from=build /opt/modelworks /opt/modelworks
COPY --from=build --chown=1000:1000 /project /project
ENV PATH=/opt/modelworks/bin:$PATH \\
    PYTHONUNBUFFERED=1 \\
    HOME=/tmp \\
    ORT_DISABLE_TELEMETRY=1 \\
    MLFLOW_DISABLE_TELEMETRY=true
WORKDIR /project
USER 1000:1000
ENTRYPOINT ["modelworks"]
CMD ["run"]
"""

_TRAIN_IGNORE = """\
# What is made, secret or large stays outside of the image.
.git
.modelworks
.venv
**/__pycache__
**/.env
**/*.pem
deploy/docker/bundle*
"""


def _files(facts: Facts) -> tuple[File, ...]:
    serve = {"host": "0.0.0.0", "port": 8080, "records": False}  # noqa: S104 (inside of a container)
    plain = {
        **facts.options,
        "name": facts.name,
        "image": facts.label,
        "full": facts.requirement,
        "requirement": _light(facts.requirement, facts.options["extras"]),
        "serve": json.dumps({**facts.settings.get("serve", {}), **serve}, sort_keys=True),
        "grace": f"{facts.settings.get('serve', {}).get('deadline', 10.0) + 5:.0f}",
    }
    top = head(facts, "docker") + "\n"
    parts = {
        "Dockerfile": _SERVE, ".dockerignore": _SERVE_IGNORE, "Dockerfile.train": _TRAIN,
        "Dockerfile.train.dockerignore": _TRAIN_IGNORE, "compose.yaml": COMPOSE, "prometheus.yml": PROMETHEUS,
    }  # fmt: skip
    files = [File(path=f"deploy/docker/{name}", text=top + fill(text, **plain)) for name, text in parts.items()]
    script = Path(__file__).with_name("_sbom.py").read_text("utf-8")
    return (*files, File(path="deploy/docker/sbom.py", text=top + script))


def _light(requirement: str, extras: str) -> str:
    """The requirement of a server: without the extras of training, with those that its program needs."""
    name, version = re.fullmatch(r"([\w.-]+)(?:\[.*\])?(.*)", requirement).groups()  # type: ignore[union-attr]
    return f"{name}[{extras}]{version}" if extras else f"{name}{version}"


TARGET = Target(
    name="docker",
    summary="Docker: a small serving image, a training image, Compose with MLflow, Prometheus and Grafana.",
    files=_files,
    options={
        "base": "python:3.11-slim",
        "extras": "",
        "mlflow": "ghcr.io/mlflow/mlflow:v3.5.0",
        "prometheus": "prom/prometheus:v3.5.0",
        "grafana": "grafana/grafana:12.1.0",
    },
    next_="modelworks bundle export champion deploy/docker/bundle.zip; "
    "docker build --build-arg BUNDLE=bundle.zip deploy/docker",
)
