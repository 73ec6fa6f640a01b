"""The `mslt` program: its commands, and what becomes of errors."""

import errno
import os
import sys
from collections import UserDict
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from mslt_cli.errors import MsltError
from mslt_cli.harmless import clean
from mslt_cli.show.terminal import note_last
from mslt_cli.stopping import INTERRUPTED, PREEMPTED, Preempted, preemptible

STOPPED = "stopped. Nothing is half-written; the same command goes on or starts again."
KEPT = "What was done is kept: run the same command again to go on."
COMMANDS = {
    "fetch": "fetch_commands",
    "select": "select_command",
    "train": "train_command",
    "eval": "eval_command",
    "probe": "probe_command",
    "report": "report_command",
}
"""What each command is called in its file in `commands/`: a function, or a Typer app with commands of its own."""


class LazyCommands(UserDict[str, Any]):
    """The commands as Typer calls them, each imported and built when it is asked for: building options takes time."""

    def __getitem__(self, name: str) -> Any:
        attribute = COMMANDS[name]  # raises KeyError, as a mapping does, before anything is imported
        command = getattr(import_module(f"mslt_cli.commands.{name}"), attribute)
        app = typer.Typer()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            from mslt_cli.commands.config_file import ConfiguredCommand

            app.command(name, cls=ConfiguredCommand, no_args_is_help=name not in ("select", "report"))(command)
        return typer.main.get_group(app).commands[name]


class LazyGroup(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = LazyCommands(COMMANDS)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def make_context(self, *words: Any, **settings: Any) -> Any:
        with _clean_messages():
            return super().make_context(*words, **settings)

    def invoke(self, ctx: Any) -> Any:
        with _clean_messages():
            return super().invoke(ctx)


@contextmanager
def _clean_messages() -> Iterator[None]:
    """Clean what Typer says of a command line that does not parse; it prints such messages itself."""
    try:
        yield
    except Exception as error:
        if isinstance(message := getattr(error, "message", None), str):
            error.message = clean(message)  # type: ignore[attr-defined]
        raise


app = typer.Typer(
    name="mslt",
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    """Run the program. A failure that a user is meant to read is one line and exit code 1; a preemption one and 75."""
    with preemptible():
        try:
            _run_app()
        except Preempted as end:
            _say_last(f"{end}. {KEPT}")
            sys.exit(PREEMPTED)


def _run_app() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # letters that the locale does not have
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except MsltError as error:
        _fail(str(error))
    except SystemExit as end:
        # rich and Typer end with 1 where the reader of their output has gone.
        if isinstance(end.__context__, OSError) and end.__context__.errno == errno.EPIPE:
            _drop_output()
            sys.exit(0)
        if end.code == INTERRUPTED:  # Typer has caught Ctrl-C, and says nothing
            _say_last(STOPPED)
        raise
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            _fail("A path or a name is too long for this machine. Give a shorter one.")
        if error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EDQUOT):
            raise
        _drop_output()
        if error.errno == errno.EPIPE:
            sys.exit(0)
        _fail("the output cannot be written: the disk is full.")
    except UnicodeEncodeError as error:
        if error.reason != "surrogates not allowed":
            raise
        _fail("A name on the command line is not UTF-8. Give one that is.")


def _say_last(text: str) -> None:
    """Say how a signal ended the command, in one of the processes that it ended."""
    from mslt_cli.training.distributed import is_first_process, is_helper

    if is_first_process() and not is_helper():
        note_last(text)


def _fail(why: str) -> NoReturn:
    note_last(why)
    sys.exit(1)


def _drop_output() -> None:
    """Stdout takes no more; the interpreter must not fail again when it flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
