"""The two streams: results on stdout, all else on stderr; and tables on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.console import Console

    from mslt_cli.show.rows import Column

PIPED_WIDTH = 200
"""Characters of a line where there is no terminal, so that nothing is lost in a pipe."""


def note(text: str) -> None:
    """Print one line for the user on stderr."""
    print(f"mslt: {text}", file=sys.stderr)


def print_lines(*lines: str) -> None:
    """Print lines of text on stdout; only a terminal breaks them."""
    from rich.text import Text

    console = _stdout()
    for line in lines:
        console.print(Text(line), soft_wrap=not console.is_terminal)


def print_table(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], *, bold_first: bool = False) -> None:
    """Print a table on stdout that fits the terminal: cut into blocks if it has labels, else without spare columns."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = _stdout()
    # Characters of each column, with what is between it and the next.
    widths = {c.name: 3 + max([len(c.heading), *(len(c.text_in(row)) for row in rows)]) for c in columns}
    cut = any(column.label for column in columns)
    blocks = _blocks(columns, widths, console.width) if cut else [_fitting(columns, widths, console.width)]
    for number, block in enumerate(blocks):
        if number:
            console.print()
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        # Numbers are kept whole as long as they fit: the other columns are folded first.
        whole = sum(widths[column.name] for column in block if column.right) < console.width
        for column in block:
            side: Literal["left", "right"] = "right" if column.right else "left"
            table.add_column(Text(column.heading), justify=side, overflow="fold", no_wrap=column.right and whole)
        for i, row in enumerate(rows):
            style = "bold" if bold_first and i == 0 else ""
            table.add_row(*(Text(column.text_in(row)) for column in block), style=style)
        console.print(table)


def _stdout() -> Console:
    """A rich console that keeps to the terminal's width, and to NO_COLOR."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


def _blocks(columns: Sequence[Column], widths: Mapping[str, int], room: int) -> list[list[Column]]:
    """Columns in groups that fit side by side into so many characters; those that are labels stand in each."""
    labels = [column for column in columns if column.label]
    room -= sum(widths[column.name] for column in labels)
    blocks: list[list[Column]] = []
    left = 0
    for column in (column for column in columns if not column.label):
        if not blocks or widths[column.name] > left:
            blocks.append([*labels])
            left = room
        blocks[-1].append(column)
        left -= widths[column.name]
    return blocks or [labels]


def _fitting(columns: Sequence[Column], widths: Mapping[str, int], room: int) -> list[Column]:
    """The columns that fit side by side into so many characters: spare ones go, the last first."""
    chosen = list(columns)
    for column in reversed([column for column in columns if column.spare]):
        if sum(widths[column.name] for column in chosen) > room:
            chosen.remove(column)
    return chosen
