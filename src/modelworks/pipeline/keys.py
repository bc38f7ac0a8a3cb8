"""The key of a step: a tagged hash of its name, the version of its code, its parameters and the keys of its inputs.

The version of the code is a hash of the sources of the step's package and of what the step names besides (its task,
its network family, the ops). `unkeyed` parameters are left out by rule: they cannot change the result.
"""

from __future__ import annotations

from typing import Any

import msgspec

from modelworks.contracts.step import External, Plan, Step
from modelworks.core.hashing import digest, source_digest
from modelworks.core.registry import source_of


def ingredients(plan: Plan, step: Step, keys: dict[str, str] | None = None) -> dict[str, Any]:
    """All that goes into a step's key, as plain data."""
    keys = {} if keys is None else keys
    inputs = {
        name: value.digest if isinstance(value, External) else _step_key(plan, value.step, keys)
        for name, value in sorted(step.inputs.items())
    }
    modules = sorted({step.run.partition(":")[0], *step.code})
    return {
        "step": step.name,
        "code": {module: version(module) for module in modules},
        "params": msgspec.to_builtins(step.params),
        "inputs": inputs,
    }


def key(plan: Plan, step: Step, keys: dict[str, str] | None = None) -> str:
    """64 hexadecimal digits."""
    return digest("step", ingredients(plan, step, keys))


def all_keys(plan: Plan) -> dict[str, str]:
    """Step name -> key, for every step of a plan."""
    keys: dict[str, str] = {}
    for step in plan.steps:
        _step_key(plan, step.name, keys)
    return keys


_versions: dict[str, str] = {}


def version(module: str) -> str:
    """Hash of the source of a module, or of all modules of a package; nothing is imported."""
    if module not in _versions:
        _versions[module] = source_digest([source_of(module)])
    return _versions[module]


def _step_key(plan: Plan, name: str, keys: dict[str, str]) -> str:
    if name not in keys:
        step = plan.step(name)
        if step is None:
            raise KeyError(f"the plan has no step {name!r}")
        keys[name] = key(plan, step, keys)
    return keys[name]
