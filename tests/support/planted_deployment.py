"""A system for tests of `modelworks deploy`: a folder in which a file names the bundle that stands. It stands in for
no real system; those have tests of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelworks.contracts.check import Finding
from modelworks.contracts.deployment import Change, Situation
from modelworks.core.errors import StepError


class Shelf:
    name = "shelf"
    summary = "A folder."
    options: Mapping[str, str] = {"folder": "shelf", "fail": ""}

    def plan(self, situation: Situation) -> tuple[Change, ...]:
        before = self._standing(situation)
        if before == situation.bundle_id:
            return ()
        return (Change("update" if before else "create", f"{situation.facts.name} on the shelf"),)

    def apply(self, situation: Situation) -> dict[str, Any]:
        before = self._standing(situation)
        if situation.facts.options["fail"]:
            raise StepError("the shelf broke")
        situation.say("putting it on the shelf")
        self._put(situation, situation.bundle_id)
        return {"address": f"shelf:{situation.facts.name}", "before": before}

    def undo(self, situation: Situation, applied: Mapping[str, Any]) -> dict[str, Any]:
        self._put(situation, applied["before"])
        return {"address": f"shelf:{situation.facts.name}"}

    def check(self, options: Mapping[str, str]) -> Finding:
        return Finding("shelf", "ok", options["folder"])

    def _file(self, situation: Situation) -> Path:
        return situation.project / situation.facts.options["folder"]

    def _standing(self, situation: Situation) -> str:
        file = self._file(situation)
        return file.read_text() if file.exists() else ""

    def _put(self, situation: Situation, bundle: str) -> None:
        self._file(situation).write_text(bundle)
