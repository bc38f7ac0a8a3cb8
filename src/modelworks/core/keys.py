"""Keys of a settings file: which there are, which are unknown, in which line they stand."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from modelworks.core.errors import ConfigError, nearest


def keys_of(struct: type[Struct]) -> list[str]:
    """Its fields, as a file writes them."""
    return [f.encode_name for f in msgspec.structs.fields(struct)]


def refuse_unknown(value: dict[str, Any], node: Any, struct: type[Struct], where: str, prefix: str = "") -> None:
    """A ConfigError for the first key of a mapping that the struct does not have; `node` is the composed YAML."""
    fields = {f.encode_name: f.type for f in msgspec.structs.fields(struct)}
    for key, inner in value.items():
        if key not in fields:
            close = nearest(str(key), fields)
            raise ConfigError(
                f"unknown key {prefix}{key}",
                where=f"{where}:{line_of(node, [*prefix.split('.')[:-1], str(key)])}",
                seen=str(key),
                allowed=list(fields),
                hint=f"did you mean {prefix}{close}?" if close else "",
            )
        kinds = [k for k in (fields[key], *getattr(fields[key], "__args__", ())) if isinstance(k, type)]
        nested = next((k for k in kinds if issubclass(k, Struct)), None)
        if nested is not None and isinstance(inner, dict):
            refuse_unknown(inner, node, nested, where, f"{prefix}{key}.")


def line_of(node: Any, keys: list[str]) -> int:
    """Line (from 1) of the deepest of `keys` that the composed YAML holds."""
    line = node.start_mark.line if node is not None else 0
    for key in keys:
        for child, inner in getattr(node, "value", ()) if getattr(node, "id", "") == "mapping" else ():
            if child.value == key:
                line, node = child.start_mark.line, inner
                break
        else:
            break
    return int(line) + 1
