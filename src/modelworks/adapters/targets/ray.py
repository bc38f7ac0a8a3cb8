"""Ray Serve: the file for `serve deploy`, with the application that `modelworks deploy ray` starts."""

from __future__ import annotations

import json

from modelworks.adapters import _ray_serve
from modelworks.adapters.targets._text import fill, head, number
from modelworks.contracts.target import Facts, File, Target

_FILE = """\
# What Ray Serve runs: the server of Modelworks over a bundle, on a Ray cluster whose nodes have <<requirement>>.
#   serve deploy --address http://HEAD:8265 deploy/ray/serve.yaml
#   serve run --address HEAD:6379 deploy/ray/serve.yaml      # without the dashboard

# Where the proxies run, and where they listen. Ray Serve takes these when it first runs on a cluster.
proxy_location: <<proxies>>
http_options:
  host: <<host>>
  port: <<port>>

applications:
  - name: <<name>>
    # <<route>> followed by /predict, /readyz, /metrics and all else that `modelworks serve` answers.
    route_prefix: <<route>>
    import_path: modelworks.adapters._ray_serve:application
    args:
      # Folder of the bundle as the replicas see it, and its id, which is checked where it is given. A replica that
      # does not see the folder fetches the bundle by its id from the place that machines share (`store:`).
      bundle: <<bundle>>
      id: <<id>>
      store: <<store>>
      replicas: "<<replicas>>"
      cpus: "<<cpus>>"
      # Folder that all replicas see, where they write what they were asked and answered; none when empty.
      records: <<records>>
      # The section `serve` of modelworks.yaml.
      serve: <<serve>>
"""


def _files(facts: Facts) -> tuple[File, ...]:
    given = facts.options
    arguments = _ray_serve.arguments(facts, given["bundle"], given["id"], given["records"])
    quoted = {name: arguments[name] for name in ("bundle", "id", "store", "serve", "records", "route")}
    quoted |= {"host": given["host"], "proxies": given["proxies"], "name": facts.name}
    # a JSON string is a YAML string
    counted = {name: number(facts, name) for name in ("port", "replicas")}
    values = {**given, **counted, **{name: json.dumps(value) for name, value in quoted.items()}}
    text = head(facts, "ray") + fill(_FILE, requirement=facts.requirement, **values)
    return (File(path="deploy/ray/serve.yaml", text=text),)


TARGET = Target(
    name="ray",
    summary="Ray Serve: the file for `serve deploy`.",
    files=_files,
    options={
        "bundle": "/bundle", "id": "", "route": "/", "host": "0.0.0.0", "port": "8000", "proxies": "EveryNode",  # noqa: S104
        "replicas": "1", "cpus": "1", "records": "",
    },
    choices={"proxies": _ray_serve.PROXIES},
    next_="serve deploy deploy/ray/serve.yaml",
)  # fmt: skip
