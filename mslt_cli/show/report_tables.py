"""Tables of a report in every form: for a terminal, Markdown, CSV, JSON, or LaTeX with booktabs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from mslt_cli.reports.cells import Cell, Table
from mslt_cli.show.rows import Column, column_width, show_rows

MOST_COLUMNS = 7
"""A LaTeX table with more is scaled to the width of the page."""
LATEX = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{
        "−": "$-$",
        "±": r"$\pm$",
        "≈": r"$\approx$",
        "≥": r"$\geq$",
        "·": r"$\cdot$",
        "×": r"$\times$",
        "–": "--",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    },
    **{"→": r"$\rightarrow$", "…": r"\ldots{}"},
}


def show_table(table: Table) -> None:
    """Print a table for people; one that is wider than the terminal in several blocks, each with its labels."""
    from mslt_cli.show.terminal import results

    console = results()
    columns = [
        (head.label, Column(head.key, lambda cell: cell.marked, head.right, head.marked)) for head in table.heads
    ]
    console.print(f"{table.title}:", markup=False, soft_wrap=not console.is_terminal)
    for i, block in enumerate(blocks(columns, table.rows, console.width) if table.rows else []):
        console.print() if i else None
        show_rows(block, table.rows, "table", whole=table.name)
    if table.rows and (table.footnotes or table.notes):
        console.print()
    for line in lines_below(table):
        console.print(line, markup=False, soft_wrap=not console.is_terminal)


def blocks(
    columns: Sequence[tuple[bool, Column]], rows: Sequence[Mapping[str, Cell]], width: int
) -> list[list[Column]]:
    """Columns in groups that fit side by side; those that are labels stand in each.

    Args:
        columns: each with whether it is a label.
        rows: of the table.
        width: of the terminal, in characters.
    """
    labels = [column for label, column in columns if label]
    room = width - sum(column_width(column, rows) for column in labels)
    out: list[list[Column]] = []
    left = 0
    for column in (column for label, column in columns if not label):
        wide = column_width(column, rows)
        if not out or wide > left:
            out.append([*labels])
            left = room
        out[-1].append(column)
        left -= wide
    return out or [labels]


def lines_below(table: Table) -> list[str]:
    """Footnotes, then notes."""
    return [*(f"[{i}] {text}" for i, text in enumerate(table.footnotes, start=1)), *table.notes]


def text_of(tables: Sequence[Table], form: str) -> str:
    """Tables in a form for files and programs.

    Args:
        tables: at least one.
        form: json, jsonl, csv, md or latex.
    """
    if form == "json":
        whole = [as_json(table) for table in tables]
        return json.dumps(whole[0] if len(whole) == 1 else {"reports": whole}, ensure_ascii=False, indent=2) + "\n"
    if form == "jsonl":
        return "".join(json.dumps(as_json(table), ensure_ascii=False) + "\n" for table in tables)
    make = {"csv": _csv, "md": _markdown, "latex": _latex}[form]
    return "\n".join(make(table) for table in tables)


def as_json(table: Table) -> dict[str, Any]:
    """A table as JSON."""
    return {
        "report": table.name,
        "title": table.title,
        "columns": [head.key for head in table.heads],
        "rows": [{head.key: _cell_json(row[head.key]) for head in table.heads} for row in table.rows],
        "footnotes": list(table.footnotes),
        "notes": list(table.notes),
    }


def _cell_json(cell: Cell) -> dict[str, Any]:
    out: dict[str, Any] = {"value": cell.value, **cell.more}
    out |= {"origin": cell.origin, "source": cell.source} if cell.origin else {}
    return out | ({"footnotes": list(cell.marks)} if cell.marks else {})


def _csv(table: Table) -> str:
    """Values alone; what else a cell holds has columns of its own: "cldr.e5-small.runs.rank"."""
    names: list[tuple[str, str]] = []
    for head in table.heads:
        further = dict.fromkeys(name for row in table.rows for name in row[head.key].more)
        names += [(head.key, ""), *((head.key, name) for name in further)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([f"{key}.{name}" if name else key for key, name in names])
    for row in table.rows:
        writer.writerow([_plain(row[key].more.get(name) if name else row[key].value) for key, name in names])
    return out.getvalue()


def _plain(value: Any) -> Any:
    return "" if value is None else value


def _markdown(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(map(markdown, cells)) + " |\n"

    text = f"**{markdown(table.title)}**\n\n" + line([head.marked for head in table.heads])
    text += line(["--:" if head.right else ":--" for head in table.heads])
    text += "".join(line([row[head.key].marked for head in table.heads]) for row in table.rows)
    return text + "".join(f"\n{markdown(below)}\n" for below in lines_below(table))


def markdown(text: str) -> str:
    """Text that Markdown shows as it is; code between backticks stays code."""
    parts = text.split("`")
    for i in range(0, len(parts), 2):
        for letter, written in (("&", "&amp;"), ("<", "&lt;"), ("*", "\\*"), ("_", "\\_")):
            parts[i] = parts[i].replace(letter, written)
    return "`".join(parts).replace("|", "\\|")


def _latex(table: Table) -> str:
    """A table environment; needs the package booktabs."""
    columns = "".join("r" if head.right else "l" for head in table.heads)

    def line(cells: Sequence[str]) -> str:
        return "    " + " & ".join(cells) + r" \\" + "\n"

    def marked(text: str, marks: Sequence[int]) -> str:
        return latex(text) + (f"\\textsuperscript{{{','.join(map(str, marks))}}}" if marks else "")

    def of(row: Mapping[str, Cell]) -> list[str]:
        return [marked(row[head.key].text, row[head.key].marks) for head in table.heads]

    rows = "".join(line(of(row)) for row in table.rows)
    notes = [f"\\textsuperscript{{{i}}} {latex(text)}" for i, text in enumerate(table.footnotes, 1)]
    notes += map(latex, table.notes)
    below = "".join(f"  \\par\\footnotesize {text}\n" for text in notes)
    if not table.rows:
        return "".join(f"% {table.name}: {text}\n" for text in table.notes)
    tabular = (
        f"  \\begin{{tabular}}{{{columns}}}\n    \\toprule\n"
        + line([marked(head.shown, head.marks) for head in table.heads])
        + f"    \\midrule\n{rows}    \\bottomrule\n  \\end{{tabular}}"
    )
    if len(table.heads) > MOST_COLUMNS:
        tabular = f"  \\resizebox{{\\textwidth}}{{!}}{{% needs the package graphicx\n{tabular}}}"
    caption = f"  \\caption{{{latex(table.title)}}}\n  \\label{{tab:{table.name}}}\n"
    return f"\\begin{{table}}\n  \\centering\n{caption}{tabular}\n{below}\\end{{table}}\n"


def latex(text: str) -> str:
    """Text that LaTeX reads as it is."""
    return "".join(LATEX.get(letter, letter) for letter in text)
