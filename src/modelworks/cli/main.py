"""The `modelworks` command. Each subcommand is a file, imported when it is called: `--help` imports click alone."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from modelworks import __version__

COMMANDS = {
    "init": "Look at labelled data and write a commented modelworks.yaml.",
    "run": "Run the plan: prepare, train, export, optimize, evaluate, gate, release.",
    "step": "Run one step of the plan (what engines call).",
    "why": "Say why a step would run, or would not.",
    "predict": "Ask a bundle about texts or files.",
    "batch": "Answer a whole file of inputs, in order, resumable.",
    "index": "Make a collection that a retriever searches, or add to it.",
    "evaluate": "Score a bundle on labelled files, with intervals.",
    "compare": "Compare two bundles on the same labelled files by a paired test.",
    "optimize": "Build and measure variants of a bundle; keep the best.",
    "serve": "Serve a bundle or the champion over HTTP.",
    "ship": "Send the server's records to a system that collects them, such as Elasticsearch.",
    "bundle": "Show, verify, sign, pack, join, import or convert bundles.",
    "data": "Import, show or compare datasets.",
    "release": "List releases, promote one, roll back, restore one.",
    "starters": "List the bundles that answer without training; build or remove one.",
    "tasks": "List the tasks, or show one's contract.",
    "export": "Write the files with which other systems run this project.",
    "deploy": "Put a release on another system: show what would change, do it, or undo it.",
    "git": "Set up Git for this project, check a commit, show and merge its files.",
    "gc": "Remove artifacts that nothing refers to.",
    "doctor": "Check the installation and the project.",
}
"""Name -> one line, in the order they are listed (a test holds each equal to the command's own help)."""


CRASHED = 70
"""Exit code of a fault of the program itself (EX_SOFTWARE): 1 is a gate that says no, and engines tell them apart."""


class Lazy(click.Group):
    """A group that imports a command's file when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"modelworks.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from modelworks.core.errors import nearest

        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            close = nearest(args[0], COMMANDS)
            ctx.fail(f"No such command {args[0]!r}." + (f" Did you mean {close!r}?" if close else ""))
        return super().resolve_command(ctx, args)


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "--version", prog_name="modelworks")
def group() -> None:
    """From labelled data to an optimized, gated, served and reproducible model release."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a ModelworksError becomes its text (or JSON) and its exit code."""
    try:
        result = group.main(args=arguments, standalone_mode=False)
    except click.exceptions.Abort:
        _leave("stopped; run again to go on from the last finished step", 130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Exception as error:
        from modelworks.core.errors import ModelworksError

        if not isinstance(error, ModelworksError):
            import traceback

            traceback.print_exc()
            sys.exit(CRASHED)
        _fail(error, arguments if arguments is not None else sys.argv[1:])
    sys.exit(result if isinstance(result, int) else 0)


def _fail(error: Any, arguments: list[str]) -> None:
    if "--json" in arguments:
        import json

        click.echo(json.dumps(error.to_dict(), ensure_ascii=False))
        sys.exit(error.exit_code)
    head, *rest = str(error).split("\n")
    _leave("\n".join([click.style(f"error: {head}", fg="red", bold=True), *rest]), error.exit_code)


def _leave(text: str, code: int) -> None:
    click.echo(text, err=True)
    sys.exit(code)
