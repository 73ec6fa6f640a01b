"""The two streams: results on stdout, all else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from mslt_cli.errors import UsageError
from mslt_cli.harmless import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

PIPED_WIDTH = 200
"""Characters of a line where there is no terminal, so that nothing is lost in a pipe."""
_quiet = False


def keep_quiet(quiet: bool) -> None:
    """Say from here on only what went wrong, was left out or was read in a way of its own; or again all."""
    global _quiet
    _quiet = quiet


def is_quiet() -> bool:
    """Whether remarks and progress are left out."""
    return _quiet


def note(text: str) -> None:
    """Print one line for the user on stderr."""
    print(f"mslt: {clean(text)}", file=sys.stderr)


def remark(text: str) -> None:
    """Print one line on what is done, which a program does not need: none where quiet was asked for."""
    if not _quiet:
        note(text)


def note_last(text: str) -> None:
    """Print one line with which the program ends; nobody may be there to read it."""
    with suppress(BrokenPipeError):
        note(text)
        sys.stderr.flush()


def confirm_deletion(paths: Sequence[str]) -> None:
    """Ask on stderr whether to delete folders. Raises: UsageError: nobody is there to answer, or the answer is no."""
    if not sys.stdin.isatty():
        raise UsageError("Deleting asks first, and standard input is no terminal. Give --yes.")
    for path in paths:
        note(f"delete {path}")
    print("mslt: this cannot be undone. Delete? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("Nothing was deleted.")


def print_lines(*lines: str) -> None:
    """Print lines of text on stdout; only a terminal breaks them."""
    console = stdout_console()
    for line in lines:
        console.print(as_shown(line), soft_wrap=not console.is_terminal)


def print_whole(text: str) -> None:
    """Print text on stdout that is laid out already."""
    sys.stdout.write(clean(text))
    sys.stdout.flush()


def as_shown(text: str) -> Text:
    """Text for rich: neither markup nor a command to the terminal."""
    from rich.text import Text

    return Text(clean(text))


def stdout_console() -> Console:
    """A rich console that keeps to the terminal's width, and to NO_COLOR."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
