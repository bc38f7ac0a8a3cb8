"""What Ray Serve runs: the server's ASGI application over a bundle's folder. `deploy ray` starts `application` itself,
and the file that `export ray` writes names it by `import_path`."""

from __future__ import annotations

import importlib
import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelworks.contracts.objects import open_objects
from modelworks.contracts.target import Facts
from modelworks.core import config, paths, registry
from modelworks.core.errors import BundleError, ConfigError
from modelworks.pipeline.remote import Remote
from modelworks.pipeline.store import RELEASES, Store

KNOWN: dict[str, str] = {"bundle": "", "id": "", "store": "", "replicas": "1", "cpus": "1", "serve": "",
                         "records": "", "route": "/"}  # fmt: skip
"""Argument of `application` -> its default: folder of the bundle as replicas see it; its id, which is then checked;
where machines share bundles, for replicas that do not see the folder; replicas and cores of each; section `serve` of
modelworks.yaml as JSON; folder that all replicas see, where records are written; where the application is put, which is
only told back."""


PROXIES = ("EveryNode", "HeadOnly")
"""Where Ray Serve listens."""


def arguments(facts: Facts, bundle: str, id_: str, records: str) -> dict[str, str]:
    """Those of `application` for a project, by the options `replicas`, `cpus` and `route`."""
    given, settings = facts.options, facts.settings
    return {
        "bundle": bundle, "id": id_, "store": str(settings.get("store", "")), "replicas": given["replicas"],
        "cpus": given["cpus"], "serve": json.dumps(settings.get("serve", {}), sort_keys=True),
        "records": records, "route": "/" + given["route"].strip("/"),
    }  # fmt: skip


def application(given: dict[str, str]) -> Any:
    """An application of Ray Serve that answers as `modelworks serve` does."""
    serve = module()
    given = {**KNOWN, **{name: str(value) for name, value in given.items()}}
    settings = config.serve_of(given["serve"], config.Serve(), where="serve")
    cores = number(given, "cpus", float)
    if not settings.lanes:
        settings = config.serve_of(f'{{"lanes": {max(1, math.ceil(cores))}}}', settings, where="serve")

    def face() -> Any:
        # By name: it is the server that runs in the replica, of which an adapter knows nothing.
        made = registry.load("modelworks.serve.asgi:Face")(_bundle(given), settings, given["records"])
        made.start()  # here, so that Serve hears why it does not
        return made

    @serve.ingress(face)
    class Bundle:
        def standing(self) -> dict[str, str]:
            return given

    return serve.deployment(
        Bundle, name="bundle", num_replicas=number(given, "replicas", int), max_ongoing_requests=settings.queue,
        ray_actor_options={"num_cpus": cores}, graceful_shutdown_timeout_s=settings.deadline + 5,
        max_surge_percent=100,  # a new release comes up beside the old one, which answers until it has
        max_constructor_retry_count=1,  # a bundle that does not open once does not open
    ).bind()  # fmt: skip


def module() -> Any:
    """Ray Serve's module, which is silent but for faults."""
    serve = importlib.import_module("ray.serve")
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    return serve


def number(given: Mapping[str, str], name: str, kind: type) -> Any:
    """An option that is a number; a ConfigError for anything else."""
    try:
        if (found := kind(given[name])) > 0:
            return found
    except ValueError:
        pass
    raise ConfigError(f"{name} is a number above 0", where=f"--set {name}", seen=given[name])


def _bundle(given: Mapping[str, str]) -> Path:
    """The bundle's folder on this machine, fetched first where only the place that machines share has it."""
    folder = Path(given["bundle"])
    if not folder.is_dir() and given["store"] and given["id"]:
        store = Store(paths.user_cache() / "ray", Remote(open_objects(given["store"])))
        folder = store.fetch(RELEASES, given["id"])
    if not folder.is_dir():
        hint = "put it in a folder that all nodes see, or set `store:` and release it"
        raise BundleError("a replica does not see the bundle", where=str(folder), hint=hint)
    if given["id"]:
        found = registry.load("modelworks.bundle:open_manifest")(folder).id
        if found != given["id"]:
            raise BundleError("not the bundle that was deployed", where=str(folder), seen=found, allowed=given["id"])
    return folder
