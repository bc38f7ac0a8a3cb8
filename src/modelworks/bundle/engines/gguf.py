"""llama.cpp (package `llama-cpp-python`): GGUF files, on the CPU.

The steps of several threads run as one batch (continuous batching): whoever comes first runs what has come for all,
after a wait that is short beside a step. A sequence's numbers then depend on its company in the last bits."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from modelworks.bundle.manifest import Runtime
from modelworks.contracts.family import Graph
from modelworks.core.errors import BundleError

SLOTS = 8
"""Sequences that are held at once."""
CONTEXT = 2048
"""Most tokens of a sequence, where the model was trained for as many."""
_BATCH = 512
"""Most tokens of one call."""
_PATIENCE = 0.15
"""Share of a step's time that it waits for others to join."""


@dataclass(slots=True)
class Slot:
    """A sequence: its number, and how many tokens it holds."""

    number: int
    length: int = 0


@dataclass(slots=True)
class _Job:
    """Tokens of some sequences to be read; `every`: logits after each token, else after the last of each."""

    feeds: Sequence[tuple[Slot, np.ndarray]]
    every: bool = False
    found: list[np.ndarray] = field(default_factory=list)
    failed: BaseException | None = None
    done: bool = False


_Row = tuple[int, int, int, tuple[_Job, int] | None]
"""Sequence, position, token, and whose logits they are: which of a job's."""
_NOTHING = np.empty(0, np.float32)


class Llama:
    """contracts.decoder.Decoder over a GGUF file; also the graph's function."""

    def __init__(self, path: Path, threads: int) -> None:
        self._library = library()
        lib = self._library
        params = lib.llama_model_default_params()
        params.n_gpu_layers = 0
        self._model = lib.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            raise BundleError("llama.cpp cannot open the file", where=str(path), allowed="a GGUF model it knows")
        self.context = min(CONTEXT, int(lib.llama_model_n_ctx_train(self._model)))
        self.vocabulary = int(lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(self._model)))
        self._running = lib.llama_init_from_model(self._model, self._settings(threads))
        if not self._running:
            raise BundleError("llama.cpp cannot make a context", where=str(path), seen=f"{SLOTS} x {self.context}")
        self._memory = lib.llama_get_memory(self._running)
        self._batch = lib.llama_batch_init(_BATCH, 0, 1)
        self._free = list(range(SLOTS))[::-1]
        self._condition = threading.Condition()
        self._jobs: list[_Job] = []
        self._busy, self._pace = False, 0.0

    @property
    def decoder(self) -> Llama:
        """Itself: what `tools.decoder` asks a graph's function for."""
        return self

    def __call__(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """`input_ids` int64 [1, T] -> `logits` float32 [1, T, V]."""
        slot = self.open()
        assert slot is not None
        try:
            return {"logits": self.scores(slot, feeds["input_ids"][0])[None]}
        finally:
            self.close(slot)

    def open(self, wait: bool = True) -> Slot | None:
        with self._condition:
            while not self._free:
                if not wait:
                    return None
                self._condition.wait()
            return Slot(self._free.pop())

    def step(self, feeds: Sequence[tuple[Slot, np.ndarray]]) -> list[np.ndarray]:
        return self._joined(_Job(feeds))

    def scores(self, handle: Slot, tokens: np.ndarray) -> np.ndarray:
        return np.stack(self._joined(_Job([(handle, tokens)], every=True)))

    def reset(self, handle: Slot) -> None:
        with self._condition:
            self._condition.wait_for(lambda: not self._busy)
            self._library.llama_memory_seq_rm(self._memory, handle.number, -1, -1)
        handle.length = 0

    def close(self, handle: Slot) -> None:
        self.reset(handle)
        with self._condition:
            self._free.append(handle.number)
            self._condition.notify_all()

    def _settings(self, threads: int) -> Any:
        params = self._library.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = SLOTS * self.context, _BATCH, _BATCH
        params.n_seq_max, params.kv_unified = SLOTS, False
        params.n_threads = params.n_threads_batch = threads
        return params

    def _joined(self, job: _Job) -> list[np.ndarray]:
        """Run a job with those of other threads that are there, here or in the thread that runs them."""
        with self._condition:
            self._jobs.append(job)
            self._condition.notify_all()
            self._condition.wait_for(lambda: job.done or not self._busy)
            if not job.done:
                self._busy = True
                self._condition.wait_for(self._complete, timeout=self._pace * _PATIENCE)
                jobs, self._jobs = self._jobs, []
        if not job.done:
            self._lead(jobs)
        if job.failed is not None:
            raise job.failed
        return job.found

    def _complete(self) -> bool:
        """Whether every open sequence has sent its tokens."""
        return sum(len(job.feeds) for job in self._jobs) >= SLOTS - len(self._free)

    def _lead(self, jobs: Sequence[_Job]) -> None:
        began = time.perf_counter()
        try:
            self._run(jobs)
        except BaseException as error:  # all who wait must hear of it
            for job in jobs:
                job.failed = error
        finally:
            self._pace = time.perf_counter() - began
            with self._condition:
                for job in jobs:
                    job.done = True
                self._busy = False
                self._condition.notify_all()

    def _run(self, jobs: Sequence[_Job]) -> None:
        """Decode the tokens of all jobs in as few calls as hold them, sequences in the order of their numbers:
        llama.cpp parts a batch wherever the order is broken, and each part costs as much as a whole one."""
        rows: list[_Row] = []
        for job in jobs:
            count = 0
            for slot, tokens in job.feeds:
                last = len(tokens) - 1
                for place, token in enumerate(tokens.tolist()):
                    wanted = job.every or place == last
                    rows.append((slot.number, slot.length + place, token, (job, count) if wanted else None))
                    count += wanted
                slot.length += len(tokens)
            job.found = [_NOTHING] * count
        rows.sort(key=lambda row: row[:2])
        for start in range(0, len(rows), _BATCH):
            self._decode(rows[start : start + _BATCH])

    def _decode(self, rows: Sequence[_Row]) -> None:
        batch, lib = self._batch, self._library
        batch.n_tokens = len(rows)
        for i, (sequence, position, token, wanted) in enumerate(rows):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, position, 1
            batch.seq_id[i][0], batch.logits[i] = sequence, wanted is not None
        status = lib.llama_decode(self._running, batch)
        if status:
            raise BundleError("llama.cpp could not go on", where="llama_decode", seen=status)
        for i, (_, _, _, wanted) in enumerate(rows):
            if wanted is not None:
                job, place = wanted
                pointer = lib.llama_get_logits_ith(self._running, i)
                job.found[place] = np.ctypeslib.as_array(pointer, (self.vocabulary,)).copy()


def ENGINE(path: Path, graph: Graph, runtime: Runtime) -> Llama:
    """A GGUF file as a decoder."""
    return Llama(path, runtime.threads)


def library() -> Any:
    """llama.cpp's functions, silent; a BundleError that says what to install."""
    try:
        from llama_cpp import llama_cpp
    except ImportError as error:
        raise BundleError(
            "GGUF files run in llama.cpp, which is not installed", where="engine gguf",
            hint="pip install 'modelworks[gguf]'",
        ) from error  # fmt: skip
    llama_cpp.llama_log_set(_SILENT, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    return llama_cpp


def _ignore(level: int, text: bytes, data: Any) -> None:
    """What llama.cpp logs goes nowhere: its errors come back as return values."""


_SILENT = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(_ignore)
