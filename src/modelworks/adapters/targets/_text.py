"""Text files from templates: `<<name>>` stands for a value, so that the `$`, `{` and `%` of other languages stay."""

from __future__ import annotations

import re
import shlex

from modelworks.contracts.target import MARK, Facts
from modelworks.core.errors import ConfigError


def fill(template: str, **values: str) -> str:
    """The template with every `<<name>>` replaced; KeyError for a name without a value."""
    return re.sub(r"<<(\w+)>>", lambda match: values[match[1]], template)


def head(facts: Facts, target: str, comment: str = "#") -> str:
    """The first lines of a file: who made it, and how to change it."""
    given = "".join(f" --set {shlex.quote(f'{key}={value}')}" for key, value in sorted(facts.given.items()))
    return (
        f"{comment} {MARK} {target}{given}` for {facts.name}; do not edit: change modelworks.yaml and export again.\n"
        f"{comment} `modelworks export {target} --check` fails when this file is stale.\n"
    )


def number(facts: Facts, option: str) -> str:
    """An option that is a whole number; a ConfigError for anything else."""
    given = facts.options[option]
    if not re.fullmatch(r"\d{1,9}", given):
        raise ConfigError(f"{option} is a number", where=f"--set {option}", seen=given, allowed="a whole number")
    return str(int(given))


def image(facts: Facts) -> str:
    """The image that runs steps: the option `image`, or the training image that `export docker` describes."""
    return facts.options["image"] or f"{facts.label}-train:latest"


def claim(facts: Facts) -> str:
    """The PersistentVolumeClaim that holds the project: the option `claim`, or one of the project's name."""
    return facts.options["claim"] or facts.label
