"""Rows of results in every format: a rich table, JSON, JSON lines, CSV, Markdown, or the first column alone."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Column:
    """One column."""

    name: str
    """Key in JSON, header elsewhere."""
    text: Callable[[Any], str] = str
    """How people read a value; programs get the value itself."""
    right: bool = False
    """Whether numbers stand to the right."""
    header: str = ""
    """Header in tables, if it is not the name."""
    spare: bool = False
    """Whether a table may leave it out where the terminal is too narrow; JSON has it."""


def show_rows(
    columns: Sequence[Column],
    rows: Sequence[Mapping[str, Any]],
    form: str,
    *,
    whole: str,
    footer: Sequence[str] = (),
    further: Mapping[str, Any] | None = None,
) -> None:
    """Print rows on stdout.

    Args:
        columns: those that tables and CSV show; JSON has all keys of the rows.
        rows: by column name.
        form: table, json, jsonl, csv, md or lines (the first column).
        whole: key of the rows in the JSON object: "tasks".
        footer: lines below a table.
        further: what the JSON object holds beside the rows.
    """
    if form == "json":
        sys.stdout.write(json.dumps({whole: list(rows), **(further or {})}, ensure_ascii=False, indent=2) + "\n")
        sys.stdout.flush()
        return
    if form == "table":
        _table(columns, rows, footer)
        return
    sys.stdout.write(_text(columns, rows, form, footer))
    sys.stdout.flush()


def _text(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], form: str, footer: Sequence[str]) -> str:
    if form == "jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if form == "lines":
        return "".join(f"{row[columns[0].name]}\n" for row in rows)
    if form == "csv":
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([column.name for column in columns])
        for row in rows:
            writer.writerow([_plain(row[column.name]) for column in columns])
        return out.getvalue()
    lines = [[c.header or c.name for c in columns], ["--:" if c.right else ":--" for c in columns]]
    lines += [[_cell(column, row).replace("|", "\\|") for column in columns] for row in rows]
    table = "".join("| " + " | ".join(line) + " |\n" for line in lines)
    return table + "".join(f"\n{line}\n" for line in footer)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else value


def _cell(column: Column, row: Mapping[str, Any]) -> str:
    value = row[column.name]
    return "" if value is None else column.text(value)


def _table(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], footer: Sequence[str]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from mslt_cli.show.terminal import results

    console = results()
    columns = _that_fit(columns, rows, console.width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        side: Literal["left", "right"] = "right" if column.right else "left"
        table.add_column(column.header or column.name, justify=side, overflow="fold", no_wrap=column.right)
    for row in rows:
        table.add_row(*(Text(_cell(column, row)) for column in columns))
    console.print(table)
    if footer:
        console.print()
    for line in footer:
        console.print(Text(line), soft_wrap=not console.is_terminal)


def _that_fit(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], width: int) -> list[Column]:
    """The columns that stand side by side in so many characters: spare ones go, the last first."""
    chosen = list(columns)
    while sum(column_width(column, rows) for column in chosen) > width:
        spare = [column for column in chosen if column.spare]
        if not spare:
            break
        chosen.remove(spare[-1])
    return chosen


def column_width(column: Column, rows: Sequence[Mapping[str, Any]]) -> int:
    """Characters of a column, with what is between it and the next."""
    return 3 + max([len(column.header or column.name), *(len(_cell(column, row)) for row in rows)])


def many(n: int, what: str) -> str:
    """ "1 run", "35 runs"."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def counted(value: float) -> str:
    """ "12,345"."""
    return f"{value:,}"
