"""Ray Data: items that one worker reads, answered by a pool of actors, in order.

What goes through Ray are bytes in Arrow's columns. Ray starts an actor that dies anew, and asks it again what it
had not answered; when a whole run breaks off, a new pool goes on after the last answer that was handed on.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import sys
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from modelworks.adapters import _ray
from modelworks.core import registry
from modelworks.core.errors import StepError


class Answering:
    """An actor: opens what answers, once, and answers item by item."""

    def __init__(self, answer: str, facts: Mapping[str, Any]) -> None:
        self._answer = registry.load(answer)(dict(facts))

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"answer": self._answer(row["item"])}


def spread(
    items: str, answer: str, facts: Mapping[str, Any], options: Mapping[str, Any]
) -> Generator[bytes, None, None]:
    """Answers to items, in order; `contracts/workers.py` says more."""
    # Ray prints on standard output that a node is gone, where `--json` puts its answer.
    with contextlib.redirect_stdout(sys.stderr), _ray.connected(options["address"]) as ray:
        done, tries = 0, 0
        while True:
            try:
                for found in _answers(ray, items, answer, facts, options, done):
                    yield found
                    done, tries = done + 1, 0
                return
            except (ray.exceptions.RayError, RuntimeError, ValueError, OSError) as error:
                tries += 1
                if tries > options["retries"] or not _ray.died(ray, error):
                    lines = str(error).strip().splitlines() or [type(error).__name__]
                    raise StepError(
                        "Ray's workers fail", where=f"ray {options['address']}", seen=lines[-1],
                        hint="ray status --address … shows its nodes; what is answered is kept: run again",
                    ) from error  # fmt: skip


def _answers(
    ray: Any, items: str, answer: str, facts: Mapping[str, Any], options: Mapping[str, Any], done: int
) -> Iterator[bytes]:
    """The answers after the first `done`, by a new pool."""
    context = ray.data.DataContext.get_current().copy()
    context.execution_options.preserve_order = True
    context.target_max_block_size = context.target_min_block_size = 1  # a block an item: few are held at once
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    most = int(options["workers"] or max(1, ray.cluster_resources().get("CPU", 1) // options["cpus"]))
    with ray.data.DataContext.current(context):
        read = ray.data.read_datasource(_source(items, facts, done), concurrency=1, num_cpus=0)
        found = read.map(
            Answering, fn_constructor_args=(answer, dict(facts)), num_cpus=options["cpus"],
            num_gpus=options["gpus"] or None,
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most, initial_size=most),
        )  # fmt: skip
        yield from (row["answer"] for row in found.iter_rows())


def _source(items: str, facts: Mapping[str, Any], done: int) -> Any:
    """One reading task that gives a block an item, as they are wanted."""
    import pyarrow
    from ray.data import Datasource, ReadTask
    from ray.data.block import BlockMetadata

    given = dict(facts)

    def read() -> Iterator[Any]:
        for item in itertools.islice(registry.load(items)(given), done, None):
            yield pyarrow.table({"item": pyarrow.array([item], pyarrow.large_binary())})

    class Items(Datasource):  # type: ignore[misc]  # Ray has no types for us
        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, parallelism: int, *rest: Any, **more: Any) -> list[Any]:
            known = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
            return [ReadTask(read, known)]

    return Items()
