"""Ray: parts of one command on the workers of a Ray cluster, by Ray's own libraries."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from modelworks.contracts.workers import Search


class Ray:
    options: Mapping[str, Any] = {"address": "auto", "workers": 0, "cpus": 1.0, "gpus": 0.0, "retries": 3}
    """Of a running cluster, or `local`; how many actors at most, 0 for as many as it has cores for; cores and GPUs of
    each; how often in a row dead workers are replaced."""

    def spread(
        self, items: str, answer: str, facts: Mapping[str, Any], options: Mapping[str, Any]
    ) -> Generator[bytes, None, None]:
        from modelworks.adapters import _ray_data

        return _ray_data.spread(items, answer, facts, options)

    def search(
        self, trial: str, facts: Mapping[str, Any], search: Search, room: Path, options: Mapping[str, Any]
    ) -> None:
        from modelworks.adapters import _ray_tune

        _ray_tune.search(trial, facts, search, room, options)

    def together(self, part: str, facts: Mapping[str, Any], size: int, room: Path, options: Mapping[str, Any]) -> None:
        from modelworks.adapters import _ray_train

        _ray_train.together(part, facts, size, room, options)


WORKERS = Ray()
