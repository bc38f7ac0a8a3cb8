"""Why a step would run, or would not: its key's ingredients beside those of the last time."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from modelworks.core.hashing import canonical
from modelworks.pipeline.execute import Executor
from modelworks.pipeline.keys import ingredients


class Change(Struct, frozen=True, kw_only=True):
    """One ingredient that differs from the last artifact of the step."""

    what: str
    """As `params.train.seed`, `inputs.dataset`, `code.modelworks.ops`."""
    before: Any
    now: Any


class Why(Struct, frozen=True, kw_only=True):
    """The explanation of one step."""

    step: str
    key: str
    done: bool
    changes: tuple[Change, ...]
    """Empty when done, or when the step never ran."""
    ingredients: dict[str, Any]
    last: str | None = None
    """When the newest artifact of this step was made."""


def why(executor: Executor, name: str) -> Why:
    """Explain one step of the executor's plan."""
    step, key = executor.step(name), executor.keys[name]
    now = msgspec.json.decode(canonical(ingredients(executor.plan, step, dict(executor.keys))))  # as records hold them
    records = executor.store.records(name)
    done = executor.done(name)
    before = executor.store.record(name, key) if done else (records[-1] if records else None)
    changes = () if done or before is None else tuple(_differences(before.ingredients, now))
    return Why(step=name, key=key, done=done, changes=changes, ingredients=now, last=before.made if before else None)


def words(answer: Why) -> str:
    """The explanation in a sentence or two."""
    if answer.done:
        parts = ", ".join(sorted([*answer.ingredients["inputs"], "its parameters", "its code"]))
        return f"{answer.step} is up to date (made {answer.last}). It would run again if one of these changed: {parts}."
    if answer.last is None:
        return f"{answer.step} would run: it has not run before."
    lines = [f"{answer.step} would run, because since {answer.last}:"]
    lines += [f"  {c.what}: {_brief(c.before)} -> {_brief(c.now)}" for c in answer.changes]
    if not answer.changes:
        lines = [f"{answer.step} would run: its artifact was removed."]
    return "\n".join(lines)


def _differences(before: Any, now: Any, path: str = "") -> list[Change]:
    if isinstance(before, dict) and isinstance(now, dict):
        names = sorted({*before, *now})
        return [c for n in names for c in _differences(before.get(n), now.get(n), f"{path}.{n}" if path else n)]
    return [] if before == now else [Change(what=path, before=before, now=now)]


def _brief(value: Any) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 else text
