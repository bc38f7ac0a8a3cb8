"""Write a software bill of materials (CycloneDX 1.5, JSON) of the environment that this runs in to standard output.

What is in it: the Python distributions, the Debian packages of the base image, and the bundle in /bundle, if any.
`modelworks export docker` copies this file; it needs nothing but Python."""

from __future__ import annotations

import importlib.metadata
import json
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

STATUS = Path("/var/lib/dpkg/status")
MANIFEST = Path("/bundle/manifest.json")


def distributions() -> list[dict[str, Any]]:
    """What pip installed beside this Python."""
    found = {}
    for one in importlib.metadata.distributions():
        name, licence = one.metadata["Name"], one.metadata.json.get("license_expression")
        purl = f"pkg:pypi/{re.sub('[-_.]+', '-', name).lower()}@{quote(one.version, safe='')}"
        found[purl] = component("library", name, one.version, purl)
        if licence:
            found[purl]["licenses"] = [{"expression": licence}]
    return list(found.values())


def packages(status: str) -> list[dict[str, Any]]:
    """What dpkg's status file names as installed."""
    found = []
    for paragraph in status.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Version|Architecture|Status): (.*)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            name, version = fields["Package"], fields["Version"]
            where = f"?arch={fields['Architecture']}"
            found.append(component("library", name, version, f"pkg:deb/debian/{quote(name)}@{quote(version)}{where}"))
    return found


def model(manifest: dict[str, Any]) -> dict[str, Any]:
    """The bundle: its version is its id, the digest of its manifest, which names the digest of every file."""
    made = component("machine-learning-model", manifest["name"], manifest["id"], "")
    return {**made, "description": manifest["task"]}


def component(type_: str, name: str, version: str, purl: str) -> dict[str, Any]:
    made = {"type": type_, "name": name, "version": version, "bom-ref": purl or f"{name}@{version}"}
    return {**made, "purl": purl} if purl else made


def bill() -> dict[str, Any]:
    parts = distributions()
    if STATUS.is_file():
        parts += packages(STATUS.read_text("utf-8"))
    if MANIFEST.is_file():
        parts.append(model(json.loads(MANIFEST.read_text("utf-8"))))
    parts.sort(key=lambda part: part["bom-ref"])
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": parts}


if __name__ == "__main__":
    json.dump(bill(), sys.stdout, indent=1)
