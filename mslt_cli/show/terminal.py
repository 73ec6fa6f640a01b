"""The two streams: results on stdout, all else on stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PIPED_WIDTH = 200
"""Columns for tables that no terminal cuts, so that nothing is lost in a pipe."""


def results() -> Console:
    """A rich console on stdout that keeps to the terminal's width, and to NO_COLOR."""
    from rich.console import Console

    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=PIPED_WIDTH)


def note(text: str) -> None:
    """One line for the user, on stderr."""
    print(f"mslt: {text}", file=sys.stderr)
