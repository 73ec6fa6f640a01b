"""The `mslt` program: its commands, and what becomes of errors."""

from __future__ import annotations

import errno
import os
import sys
from typing import Annotated

import typer

from mslt_cli.commands.eval import evaluate
from mslt_cli.commands.fetch import fetch
from mslt_cli.commands.probe import probe
from mslt_cli.commands.report import report
from mslt_cli.commands.select import select
from mslt_cli.commands.train import train
from mslt_cli.errors import MsltError

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""

app = typer.Typer(
    name="mslt",
    help="Which languages to train a multilingual model on: ranks source languages before anything is trained.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(fetch, name="fetch")
app.command("select", no_args_is_help=False)(select)
app.command("train", no_args_is_help=True)(train)
app.command("eval", no_args_is_help=True)(evaluate)
app.command("probe", no_args_is_help=True)(probe)
app.command("report", no_args_is_help=True)(report)


def _version(asked: bool) -> None:
    if asked:
        from mslt_cli import __version__

        typer.echo(f"mslt {__version__}")
        raise typer.Exit


@app.callback()
def mslt(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Which languages to train a multilingual model on: ranks source languages before anything is trained."""


def main() -> None:
    """Run the program; a failure that a user is meant to read becomes one line and exit code 1."""
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except MsltError as error:
        print(f"mslt: {error}", file=sys.stderr)
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # Typer has caught Ctrl-C, and says nothing
            print("mslt: stopped. Nothing is half-written; the same command goes on or starts again.", file=sys.stderr)
        raise
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter must not fail again when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print("mslt: the output cannot be written: the disk is full.", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
