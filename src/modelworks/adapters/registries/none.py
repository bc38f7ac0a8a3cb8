"""No registry: releases live in modelworks.lock and the project's folder alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modelworks.contracts.check import Finding
from modelworks.contracts.registry import Refused, Run


class Nowhere:
    """Accepts everything and keeps nothing."""

    def record(self, uri: str, run: Run) -> str:
        return run.name

    def register(
        self, uri: str, run_id: str, project: str, bundle: Path, tags: Mapping[str, str], description: str = ""
    ) -> str:
        return f"none:{project}/{tags['bundle'][:12]}"

    def find(self, uri: str, project: str, bundle: str) -> str | None:
        return f"none:{project}/{bundle[:12]}"

    def alias(self, uri: str, version: str, channel: str) -> None:
        return None

    def check(self, uri: str) -> Finding:
        return Finding("registry none", "ok", "releases are in modelworks.lock alone")

    def webhook(self, uri: str, project: str, url: str, secret: str) -> str:
        raise Refused("there is no registry that could call anybody", where="release.registry", seen="none")


REGISTRY = Nowhere()
