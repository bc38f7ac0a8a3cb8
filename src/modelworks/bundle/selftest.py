"""The self-test: some inputs with the answers this bundle gave when it was made.

Equal answers: the same JSON, but that numbers may differ by `tolerance` and that lists of scored things may come in
another order (scores closer than the tolerance may swap). 0.01 covers other CPUs and other versions of the engine
(float32 kernels differ in the last bits); a wrong file or a wrong kernel is far beyond it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from modelworks.bundle import sessions
from modelworks.bundle.manifest import Draft
from modelworks.core import files
from modelworks.core.errors import BundleError, RequestError
from modelworks.kinds import Kind, decode

NAME = "selftest.json"
TOLERANCE = 0.01
_LARGEST = 256 * 1024
"""Bytes of an input's JSON: larger ones are passed over."""


class Case(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An input and its answer, in the JSON form of their kinds."""

    input: dict[str, Any]
    prediction: dict[str, Any]


class SelfTest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`selftest.json`."""

    tolerance: float
    cases: tuple[Case, ...]


def record_selftest(folder: Path, inputs: Sequence[Kind], predictions: Sequence[Kind], *, limit: int = 8) -> None:
    """Write `selftest.json` from at most `limit` of the given inputs, the surest of each label first (an answer on
    the edge may tip on another CPU)."""
    cases = [
        Case(input=msgspec.to_builtins(value), prediction=msgspec.to_builtins(answer))
        for value, answer in zip(inputs, predictions, strict=True)
        if len(msgspec.json.encode(value)) <= _LARGEST
    ]
    order = sorted(range(len(cases)), key=lambda i: -sureness(cases[i].prediction))
    seen: dict[str, int] = {}
    ranked = []
    for i in order:
        label = str(cases[i].prediction.get("label", ""))
        seen[label] = seen.get(label, 0) + 1
        ranked.append((seen[label], i))
    chosen = sorted(i for _, i in sorted(ranked, key=lambda pair: pair[0])[:limit])
    _write(folder, SelfTest(tolerance=TOLERANCE, cases=tuple(cases[i] for i in chosen)))


def sureness(prediction: Any) -> float:
    """The smallest `score` among an answer and the things it lists; 1 when it has none."""
    if isinstance(prediction, dict) and "score" in prediction:
        return float(prediction["score"])
    if isinstance(prediction, dict):
        return min((sureness(value) for value in prediction.values()), default=1.0)
    if isinstance(prediction, list | tuple):
        return min((sureness(value) for value in prediction), default=1.0)
    return 1.0


def record_again(folder: Path, draft: Draft) -> None:
    """Replace the answers of `folder`'s self-test, if it has one, by what its graphs give now."""
    old = read(folder)
    if old is None:
        return
    run = sessions.interpreter(folder, draft).run
    cases = tuple(
        Case(input=case.input, prediction=msgspec.to_builtins(run([value])[0]))
        for case, value in zip(old.cases, inputs(folder, draft.input), strict=True)
    )
    _write(folder, SelfTest(tolerance=old.tolerance, cases=cases))


def _write(folder: Path, test: SelfTest) -> None:
    files.write_bytes(folder / NAME, msgspec.json.encode(test, order="sorted") + b"\n")


def read(folder: Path) -> SelfTest | None:
    """The self-test of a bundle folder; None when it has none."""
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=SelfTest)
    except msgspec.MsgspecError as error:
        raise BundleError(f"the self-test is damaged: {error}", where=str(path)) from error


def inputs(folder: Path, kind: str) -> list[Kind]:
    """The inputs of a bundle folder's self-test."""
    test = read(folder)
    try:
        return [decode(kind, case.input) for case in test.cases] if test else []
    except RequestError as error:
        raise BundleError(f"the self-test is damaged: {error.message}", where=str(folder / NAME)) from error


def check(folder: Path, kind: str, predict: Callable[[Sequence[Kind]], Sequence[Kind]]) -> None:
    """Raise BundleError unless the answers are still those of the self-test."""
    test = read(folder)
    if test is None or not test.cases:
        return
    answers = predict(inputs(folder, kind))
    for number, (case, answer) in enumerate(zip(test.cases, answers, strict=True), 1):
        found = json.loads(msgspec.json.encode(answer))
        if not same(case.prediction, found, test.tolerance):
            raise BundleError(
                "the bundle does not give the answers it gave when it was made",
                where=f"{folder / NAME}, case {number}", seen=json.dumps(found), allowed=json.dumps(case.prediction),
                hint="this machine or this version of onnxruntime computes otherwise",
            )  # fmt: skip


def same(expected: Any, found: Any, tolerance: float) -> bool:
    """Equal JSON up to `tolerance` in numbers and the order of scored things."""
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(expected, float) or isinstance(found, float):
        return isinstance(found, int | float) and abs(expected - found) <= tolerance
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(same(expected[k], found[k], tolerance) for k in expected)
    if isinstance(expected, list | tuple) and isinstance(found, list):
        pairs = zip(sorted(expected, key=_words), sorted(found, key=_words), strict=False)
        return len(expected) == len(found) and all(same(a, b, tolerance) for a, b in pairs)
    return bool(expected == found)


def _words(value: Any) -> str:
    """What is left of a listed thing without its scores; plain items keep their order."""
    if not isinstance(value, dict):
        return ""
    return json.dumps({k: v for k, v in value.items() if not isinstance(v, float)}, sort_keys=True)
