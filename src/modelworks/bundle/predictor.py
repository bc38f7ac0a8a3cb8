"""THE Predictor: runs a bundle. Evaluation, gate, optimizer, batch files and server all call it, and nothing else."""

from __future__ import annotations

import collections
import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from modelworks.bundle import archive, company, selftest, sessions
from modelworks.bundle import attach as attachments
from modelworks.bundle.interpreter import Interpreter, Row
from modelworks.bundle.manifest import Limits, Manifest
from modelworks.bundle.verify import verify_folder
from modelworks.core.errors import ModelworksError, RequestError
from modelworks.kinds import Kind


class Predictor:
    """An opened bundle. Several threads may share one: it keeps nothing between calls.

    Attributes:
        manifest: what the bundle says of itself.
        id: the bundle's id.
        folder: where its files lie (a temporary folder for a .zip).
        company: which rows may share a graph call, so that answers do not depend on it.
        cap: most rows of one call of `finish` that pay.
    """

    def __init__(
        self, manifest: Manifest, interpreter: Interpreter, folder: Path, together: company.Company = "none"
    ) -> None:
        self.manifest, self.id, self.folder, self.company = manifest, manifest.id, folder, together
        self.cap = 1 if together == "none" else manifest.runtime.batch
        self._interpreter = interpreter
        self._refusal: ModelworksError | None = None
        self._unpacked: contextlib.ExitStack | None = None

    @classmethod
    def open(
        cls, path: Path | str, *, threads: int | None = None, require_signature: Path | None = None,
        attach: Mapping[str, Path | str] = {},
    ) -> Predictor:  # fmt: skip
        """Open a bundle, a folder or a .zip: verify → known ops → sessions → self-test → attachments.

        Args:
            path: folder or .zip.
            threads: threads inside one graph call; the manifest's runtime when None.
            require_signature: public key (PEM); an unsigned or otherwise signed bundle is refused.
            attach: resource -> folder of the collection to search. Without it such a bundle opens, but answers nothing.

        Raises:
            ConfigError: it has no place for an attachment.
            BundleError: it, or an attachment, is damaged, altered, unsafe, of an unknown version, or answers otherwise
                than when made.
        """
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(archive.opened(Path(path)))
            manifest = verify_folder(folder, require_signature)
            graphs, resources = sessions.opened(folder, manifest, threads)
            interpreter = sessions.over(manifest, graphs, resources)
            cases = () if manifest.program.state else selftest.inputs(folder, manifest.input)
            predictor = cls(manifest, interpreter, folder, company.choose(interpreter, cases))
            selftest.check(folder, manifest.input, predictor.predict)
            if attached := attachments.opened(manifest, attach):
                predictor._interpreter = sessions.over(manifest, graphs, {**resources, **attached})
            predictor._refusal = attachments.missing(manifest, attach)
            predictor._unpacked = stack.pop_all()
        return predictor

    def prepare(self, inputs: Sequence[Kind]) -> list[Row]:
        """Check inputs and run the row-wise calls: one Row an input. Rows of several requests may be mixed.

        Raises:
            RequestError: an input contradicts itself (400), is of another kind (400), or too large (413).
            ConfigError: the bundle searches a collection, and none is attached.
        """
        if self._refusal is not None:
            raise self._refusal
        for number, value in enumerate(inputs):
            check_input(value, self.manifest.input, self.manifest.limits, f"input {number}")
        try:
            return self._interpreter.prepare(inputs)
        except ModelworksError:
            self._blame(inputs)
            raise

    def _blame(self, inputs: Sequence[Kind]) -> None:
        """Raise again for the first input that fails alone, saying which it is."""
        for number, value in enumerate(inputs):
            try:
                self._interpreter.prepare([value])
            except ModelworksError as error:
                error.where = f"input {number}" + (f", {error.where}" if error.where else "")
                raise

    def finish(self, rows: Sequence[Row]) -> list[Kind]:
        """Predictions of prepared rows, in order, as one batch where `company` allows. An answer does not depend on
        the other rows."""
        return company.finish(self._interpreter, rows, self.company)

    def predict(self, inputs: Sequence[Kind]) -> list[Kind]:
        """Predictions in order. Batches are made of rows of similar length. Raises what `prepare` raises."""
        if self.manifest.program.state:
            return self.session().predict(inputs)
        rows = self.prepare(inputs)
        answers: list[Any] = [None] * len(rows)
        for batch in self.batches(rows):
            for i, answer in zip(batch, self.finish([rows[i] for i in batch]), strict=True):
                answers[i] = answer
        return answers

    def stream(self, value: Kind) -> Iterator[Any]:
        """The pieces of one answer as they come (plain data; none where no op streams), then the prediction.

        Closing the iterator stops the work. Raises what `prepare` raises, at the first step."""
        if self.manifest.program.state:
            return self.session().stream(value)
        return self._streamed(value, None)

    def _streamed(self, value: Kind, state: dict[int, Any] | None) -> Iterator[Any]:
        (row,) = self.prepare([value])
        yield from self._interpreter.stream(row, state)

    def predict_iter(self, inputs: Iterable[Kind], *, window: int = 1024, lanes: int | None = None) -> Iterator[Kind]:
        """Predictions of a stream, in order, in constant memory.

        Args:
            inputs: any iterable; read a few windows ahead.
            window: how many inputs at a time are batched by length.
            lanes: threads that predict; as many as there are CPUs for when None. A program with state has one.
        """
        stateful = bool(self.manifest.program.state)
        predict = self.session().predict if stateful else self.predict
        lanes = 1 if stateful else lanes or max(1, len(os.sched_getaffinity(0)) // self.manifest.runtime.threads)
        stream = iter(inputs)
        pending: collections.deque[Future[list[Kind]]] = collections.deque()
        with ThreadPoolExecutor(lanes, "predict") as pool:
            while chunk := list(itertools.islice(stream, window)):
                pending.append(pool.submit(predict, chunk))
                if len(pending) > lanes:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()

    def batches(self, rows: Sequence[Row]) -> Iterator[list[int]]:
        """Positions of rows, grouped by length: at most `cap` rows and `runtime.budget` padded length."""
        runtime = self.manifest.runtime
        batch: list[int] = []
        for i in sorted(range(len(rows)), key=lambda i: rows[i].length):
            if batch and (len(batch) >= self.cap or (len(batch) + 1) * rows[i].length > runtime.budget):
                yield batch
                batch = []
            batch.append(i)
        if batch:
            yield batch

    def session(self) -> Session:
        """A Predictor that keeps the program's state variables between calls. Not for several threads at once."""
        session = Session(self.manifest, self._interpreter, self.folder)
        session._refusal = self._refusal
        session._unpacked = self._unpacked
        return session


class Session(Predictor):
    """A Predictor with memory: inputs run in the order given, one batch a call."""

    def __init__(self, manifest: Manifest, interpreter: Interpreter, folder: Path) -> None:
        super().__init__(manifest, interpreter, folder)
        self._state: dict[int, Any] = {}

    def finish(self, rows: Sequence[Row]) -> list[Kind]:
        return self._interpreter.finish(rows, self._state)

    def predict(self, inputs: Sequence[Kind]) -> list[Kind]:
        return self.finish(self.prepare(inputs))

    def stream(self, value: Kind) -> Iterator[Any]:
        return self._streamed(value, self._state)


def check_input(value: Kind, kind: str, limits: Limits, where: str) -> None:
    """Raise RequestError for an input of another kind, one that contradicts itself, or one beyond the limits."""
    if value.name != kind:
        raise RequestError("another kind of input is needed", where=where, seen=value.name, allowed=(kind,))
    try:
        value.check()
    except ValueError as error:
        raise RequestError(str(error), where=where) from error
    for unit, amount in value.extents().items():
        _at_most(amount, getattr(limits, f"max_{unit}"), unit, where)


def _at_most(seen: int, allowed: int, unit: str, where: str) -> None:
    if seen > allowed:
        raise RequestError(
            "the input is too large",
            status=413,
            where=where,
            seen=f"{seen} {unit}",
            allowed=f"at most {allowed} {unit}",
        )
