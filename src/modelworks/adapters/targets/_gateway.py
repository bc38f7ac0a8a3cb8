"""The way of a Gateway (Gateway API v1) to the pods of Kubernetes: it weighs a canary, however many pods that has.

https://gateway-api.sigs.k8s.io/reference/spec/#httproute
"""

from __future__ import annotations

import json
import re

from modelworks.adapters.targets._text import fill
from modelworks.contracts.target import Facts
from modelworks.core.errors import ConfigError

TRACK = """\
apiVersion: v1
kind: Service
metadata:
  name: <<name>>-<<track>>
  labels: {app.kubernetes.io/part-of: "<<name>>"}  # not the label that a monitor looks for: it would count twice
spec:
  selector: {app.kubernetes.io/name: "<<name>>", modelworks/track: <<track>>}
  ports:
    - {name: http, port: 80, targetPort: http, protocol: TCP}
"""

ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: <<name>>
  labels: {app.kubernetes.io/part-of: "<<name>>"}
spec:
  parentRefs: [<<gateway>>]
<<hostnames>>  rules:
    - matches: [{path: {type: PathPrefix, value: /}}]
      backendRefs:
        - {name: "<<name>>-stable", port: 80, weight: <<stable>>}
        - {name: "<<name>>-canary", port: 80, weight: <<canary>>}
"""

DOCUMENTS = (
    "# The Gateway sends each track its weight of the requests, whatever the number of its pods.\n"
    + "---\n".join((TRACK.replace("<<track>>", "stable"), TRACK.replace("<<track>>", "canary"), ROUTE))
)
_NAME = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"


def route(facts: Facts, name: str) -> str:
    """The route and a Service for each track, as the options `gateway` (NAME or NAMESPACE/NAME) and `hostname` say;
    all requests go to the stable track. Empty without a gateway."""
    gateway, hostname = facts.options["gateway"], facts.options["hostname"]
    if not gateway:
        return ""
    if not re.fullmatch(rf"({_NAME}/)?{_NAME}", gateway):
        raise ConfigError("not a Gateway", where="--set gateway", seen=gateway, allowed="NAME or NAMESPACE/NAME")
    if hostname and not re.fullmatch(rf"(\*\.)?{_NAME}(\.{_NAME})*", hostname):
        allowed = "a host name in small letters, as moods.example.org"
        raise ConfigError("not a host name", where="--set hostname", seen=hostname, allowed=allowed)
    namespace, _, own = gateway.rpartition("/")
    parent = json.dumps({"name": own, **({"namespace": namespace} if namespace else {})})
    hostnames = f'  hostnames: ["{hostname}"]\n' if hostname else ""
    return fill(DOCUMENTS, name=name, gateway=parent, hostnames=hostnames, stable="100", canary="0")
