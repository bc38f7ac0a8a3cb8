"""What `export` and `deploy` tell a target of the project: facts, options, the files it would write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from modelworks import __version__, lifecycle
from modelworks.contracts import target as contract
from modelworks.contracts.target import Facts, File
from modelworks.core import config, registry
from modelworks.core.errors import ConfigError


def facts(project: Path, name: str, defaults: Mapping[str, str], given: tuple[str, ...] = ()) -> Facts:
    """The facts of a project for one target: its options are the defaults, then modelworks.yaml's, then `given`."""
    settings = config.load_project(project)
    configured = _options(name, defaults, settings.targets.get(name, {}), ())
    options = _options(name, configured, {}, given)
    return Facts(
        name=settings.name, settings=msgspec.to_builtins(settings), steps=lifecycle.order(settings),
        requirement=f"modelworks[train,data,luigi,mlflow]=={__version__}", options=options,
        given={key: value for key, value in options.items() if value != configured[key]},
    )  # fmt: skip


def files(project: Path, name: str, given: tuple[str, ...] = ()) -> tuple[File, ...]:
    """The files that the target of a name writes; none when there is no such target."""
    if name not in registry.names(contract.PACKAGE):
        return ()
    target = contract.find(name)
    known = tuple(text for text in given if text.partition("=")[0] in target.options)
    told = facts(project, name, target.options, known)
    for option, allowed in target.choices.items():
        if told.options[option] not in allowed:
            where = f"option {option} of {name}"
            raise ConfigError("not one of its values", where=where, seen=told.options[option], allowed=allowed)
    return target.files(told)


def _options(
    name: str, defaults: Mapping[str, str], configured: Mapping[str, object], given: tuple[str, ...]
) -> dict[str, str]:
    chosen = dict(defaults)
    chosen.update({key: str(value) for key, value in configured.items() if key in defaults})
    for text in given:
        key, mark, value = text.partition("=")
        if not mark or key not in chosen:
            raise ConfigError(f"{name} has no such option", where="--set", seen=text, allowed=sorted(chosen))
        if "`" in value or not value.isprintable():  # it stands in a comment of the files
            raise ConfigError("an option's value is one line without backticks", where="--set", seen=text)
        chosen[key] = value
    return chosen


def check_options(settings: config.Project) -> None:
    """Refuse an option of `targets:` that neither the target nor the deployment of that name has."""
    from modelworks.contracts import deployment

    for name, given in settings.targets.items():
        allowed: set[str] = set()
        if name in registry.names(contract.PACKAGE):
            allowed |= set(contract.find(name).options)
        if name in registry.names(deployment.PACKAGE):
            allowed |= set(deployment.find(name).options)
        for key in given:
            if key not in allowed:
                where = f"{config.FILE} (targets.{name})"
                raise ConfigError(f"{name} has no such option", where=where, seen=key, allowed=sorted(allowed))
