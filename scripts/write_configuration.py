"""Write docs/configuration.md from the structs of core/config.py. `--check` fails when the page is stale."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "configuration.md"
SOURCE = ROOT / "src" / "modelworks" / "core" / "config.py"
HEAD = """\
# modelworks.yaml

Made by `scripts/write_configuration.py` from the schema itself. Unknown keys are refused, with the line and the nearest
name. A key that is left out means its default. `--set a.b=value` overrides a key for one run.
"""


def structs() -> list[ast.ClassDef]:
    tree = ast.parse(SOURCE.read_text())
    found = [n for n in tree.body if isinstance(n, ast.ClassDef)]
    return sorted(found, key=lambda n: n.name != "Project")


def section(node: ast.ClassDef) -> str:
    name = "Top level" if node.name == "Project" else f"`{node.name.lower()}`"
    lines = [
        f"## {name}",
        "",
        ast.get_docstring(node) or "",
        "",
        "| key | type | default | meaning |",
        "|---|---|---|---|",
    ]
    for place, item in enumerate(node.body):
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            after = node.body[place + 1] if place + 1 < len(node.body) else None
            lines.append(row(item, docstring(after)))
    return "\n".join(lines)


def row(item: ast.AnnAssign, meaning: str) -> str:
    name = ast.unparse(item.target).rstrip("_")
    kind = ast.unparse(item.annotation).replace("|", "\\|")
    return f"| `{name}` | `{kind}` | {default(item.value)} | {meaning} |"


def default(value: ast.expr | None) -> str:
    if value is None:
        return "required"
    if isinstance(value, ast.Call):
        given = [k.value for k in value.keywords if k.arg == "default"]
        return f"`{ast.unparse(given[0])}`" if given else "see below"
    return f"`{ast.unparse(value)}`"


def docstring(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(node.value.value.split()).replace("|", "\\|")
    return ""


def main() -> None:
    text = "\n\n".join([HEAD.rstrip(), *(section(node) for node in structs())]) + "\n"
    if "--check" in sys.argv:
        stale = not PAGE.exists() or PAGE.read_text() != text
        sys.exit("docs/configuration.md is stale: python scripts/write_configuration.py" if stale else 0)
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
