"""The two streams: results on stdout, all else on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PIPED_WIDTH = 200
"""Characters of a line where there is no terminal, so that nothing is lost in a pipe."""


def note(text: str) -> None:
    """Print one line for the user on stderr."""
    print(f"mslt: {text}", file=sys.stderr)


def print_lines(*lines: str) -> None:
    """Print lines of text on stdout; only a terminal breaks them."""
    from rich.text import Text

    console = stdout_console()
    for line in lines:
        console.print(Text(line), soft_wrap=not console.is_terminal)


def stdout_console() -> Console:
    """A rich console that keeps to the terminal's width, and to NO_COLOR."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
