"""The one place that writes formats: a rich table, JSON, JSON lines, CSV, Markdown, LaTeX, lines, quiet."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mslt_cli.harmless import UNSAFE, clean, escape_markdown
from mslt_cli.reports.cells import Cell, Column, marked
from mslt_cli.show.terminal import as_shown, print_lines, print_whole, stdout_console

WIDE_LATEX = 7
"""A LaTeX table with more columns is scaled to the width of the page."""
LATEX = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    "−": "$-$",
    "±": r"$\pm$",
    "ρ": r"$\rho$",
    "≈": r"$\approx$",
    "≥": r"$\geq$",
    "·": r"$\cdot$",
    "×": r"$\times$",
    "–": "--",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "→": r"$\rightarrow$",
    "…": r"\ldots{}",
}
"""What LaTeX needs for letters that it would read as commands, or does not have."""


@dataclass(frozen=True)
class Output:
    """Results in the two shapes that all formats are made of: a JSON value, and rows with columns."""

    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    """By column name: a value, or a Cell."""
    value: Any
    """What JSON prints; it may hold Cells."""
    items: Sequence[Any] | None = None
    """What JSON lines print, one a line; None = the rows."""
    title: str = ""
    prose: Sequence[str] = ()
    """Paragraphs between the title and the table."""
    footnotes: Sequence[str] = ()
    """Numbered from 1."""
    footer: Sequence[str] = ()
    """Lines below the table and its footnotes."""
    label: str = ""
    """Name of the table in LaTeX."""
    line: str = ""
    """Name of the column that `lines` prints; empty = the first."""
    piped: Sequence[object] = ()
    """What `quiet` prints, one a line: what the next command needs."""
    bold_first: bool = False
    """Whether the first row stands out."""

    @property
    def shown(self) -> list[Column]:
        """The columns for people."""
        return [column for column in self.columns if not column.csv_only]

    def texts(self, write: Callable[[str, Sequence[int]], str] = marked) -> list[list[str]]:
        """The headings, then the rows, as people read them; `write` joins a text and the numbers of its footnotes."""
        headings = [Cell(text=column.header or column.name, marks=column.marks) for column in self.shown]
        rows = [[column.cell(row) for column in self.shown] for row in self.rows]
        return [[write(clean(cell.text), cell.marks) for cell in cells] for cells in (headings, *rows)]

    @property
    def lines_below(self) -> list[str]:
        """Footnotes, then the footer."""
        return [*(f"[{i}] {text}" for i, text in enumerate(self.footnotes, start=1)), *self.footer]


def show_rows(
    columns: Sequence[Column],
    rows: Sequence[Mapping[str, Any]],
    form: str,
    *,
    key: str,
    footer: Sequence[str] = (),
    piped: Sequence[object] = (),
) -> None:
    """Print rows on stdout; JSON has all that they hold, as the list `key` of an object; quiet has what is piped."""
    show(Output(columns, rows, {key: rows}, footer=footer, piped=piped), form)


def show(output: Output, form: str) -> None:
    """Print results on stdout in one of the formats: "table", or one that `render` knows."""
    if form != "table":
        print_whole(render(output, form))
        return
    if output.title:
        print_lines(f"{output.title}:")
    for paragraph in output.prose:
        print_lines(paragraph, "")
    if output.rows or not output.title:
        _print_table(output)
        if output.lines_below:
            print_lines("")
    print_lines(*output.lines_below)


def render(output: Output, form: str) -> str:
    """Results as text for files and programs: json, jsonl, csv, md, latex, lines or quiet."""
    return clean(WRITERS[form](output))


def json_text(value: Any, *, indent: int | None = 2) -> str:
    """A value as JSON, and a line end; letters that could command a terminal are escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=_cell_as_json)
    return UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def _cell_as_json(cell: Cell) -> dict[str, Any]:
    """What a program gets of a cell: its value, and where that comes from."""
    out: dict[str, Any] = {"value": cell.value, **cell.more}
    out |= {"origin": cell.origin, "source": cell.source} if cell.origin else {}
    return out | ({"footnotes": cell.marks} if cell.marks else {})


def _json_lines(output: Output) -> str:
    items = output.rows if output.items is None else output.items
    return "".join(json_text(item, indent=None) for item in items)


def _csv(output: Output) -> str:
    """Values alone; what else a cell holds has columns of its own: "cldr.e5-small.runs.rank"."""
    fields: dict[str, list[Any]] = {}
    for column in output.columns:
        cells = [row[column.name] for row in output.rows]
        further = dict.fromkeys(name for cell in cells if isinstance(cell, Cell) for name in cell.more)
        fields[column.name] = cells
        fields |= {f"{column.name}.{name}": [cell.more.get(name) for cell in cells] for name in further}
    out = io.StringIO()
    lines = zip(*(map(_plain, values) for values in fields.values()), strict=True)
    csv.writer(out, lineterminator="\n").writerows([fields, *lines])
    return out.getvalue()


def _plain(value: Any) -> Any:
    """A value as CSV has it: lists by space, None as an empty field."""
    value = value.value if isinstance(value, Cell) else value
    if isinstance(value, list):
        return " ".join(map(str, value))
    return "" if value is None else value


def _lines(output: Output) -> str:
    return "".join(f"{_plain(row[output.line or output.columns[0].name])}\n" for row in output.rows)


def _markdown(output: Output) -> str:
    head, *body = output.texts()
    lines = [head, ["--:" if column.right else ":--" for column in output.shown], *body]
    text = f"**{escape_markdown(output.title)}**\n\n" if output.title else ""
    text += "".join(f"{escape_markdown(paragraph)}\n\n" for paragraph in output.prose)
    text += "".join("| " + " | ".join(map(escape_markdown, line)) + " |\n" for line in lines)
    return text + "".join(f"\n{escape_markdown(line)}\n" for line in output.lines_below)


def _latex(output: Output) -> str:
    """A table environment; needs the package booktabs."""
    prose = "".join(f"{escape_latex(paragraph)}\n\n" for paragraph in output.prose)
    if not output.rows:
        return prose + "".join(f"% {output.label}: {line}\n" for text in output.footer for line in text.splitlines())
    head, *body = ["    " + " & ".join(line) + " \\\\\n" for line in output.texts(_latex_text)]
    sides = "".join("r" if column.right else "l" for column in output.shown)
    tabular = f"  \\begin{{tabular}}{{{sides}}}\n    \\toprule\n{head}    \\midrule\n"
    tabular += "".join(body) + "    \\bottomrule\n  \\end{tabular}"
    if len(output.shown) > WIDE_LATEX:
        tabular = f"  \\resizebox{{\\textwidth}}{{!}}{{% needs the package graphicx\n{tabular}}}"
    caption = f"  \\caption{{{escape_latex(output.title)}}}\n  \\label{{tab:{output.label}}}\n"
    below = [f"{_latex_text('', (i,))} {escape_latex(text)}" for i, text in enumerate(output.footnotes, start=1)]
    below += map(escape_latex, output.footer)
    notes = "".join(f"  \\par\\footnotesize {text}\n" for text in below)
    return (
        f"{prose}\\begin{{table}}\n  \\centering\n{caption if output.title else ''}{tabular}\n{notes}\\end{{table}}\n"
    )


def _latex_text(text: str, marks: Sequence[int] = ()) -> str:
    """A text with the numbers of its footnotes above the line."""
    return escape_latex(text) + (f"\\textsuperscript{{{','.join(map(str, marks))}}}" if marks else "")


def escape_latex(text: str) -> str:
    """Text that LaTeX reads as it is."""
    return "".join(LATEX.get(letter, letter) for letter in text)


WRITERS: dict[str, Callable[[Output], str]] = {
    "json": lambda output: json_text(output.value),
    "jsonl": _json_lines,
    "csv": _csv,
    "md": _markdown,
    "latex": _latex,
    "lines": _lines,
    "quiet": lambda output: "".join(f"{item}\n" for item in output.piped),
}


def _print_table(output: Output) -> None:
    """Print a table on stdout that fits the terminal."""
    from rich import box
    from rich.table import Table

    from mslt_cli.show.layout import lay_out

    console = stdout_console()
    texts = {column: column_texts for column, *column_texts in zip(output.shown, *output.texts(), strict=True)}
    for number, block in enumerate(lay_out(texts, console.width)):
        if number:
            console.print()
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for column, width in block.items():
            side: Literal["left", "right"] = "right" if column.right else "left"
            table.add_column(as_shown(texts[column][0]), justify=side, overflow="fold", width=width)
        for row in zip(*(texts[column][1:] for column in block), strict=True):
            table.add_row(*map(as_shown, row), style="bold" if output.bold_first and not table.rows else "")
        console.print(table)
