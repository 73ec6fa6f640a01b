"""A report as one page that needs nothing else: contents, sortable tables, figures, and where numbers come from."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from mslt_cli import __version__
from mslt_cli.files import write_whole
from mslt_cli.reports.cells import Cell, Head, Table

TEMPLATE = Path(__file__).with_suffix(".html")


def save_report(path: Path, tables: Sequence[Table], *, command: str, figures: bool) -> None:
    """Write the page.

    Args:
        path: of the page.
        tables: in this order.
        command: that makes it.
        figures: whether charts are drawn; needs matplotlib.

    Raises:
        MsltError: it cannot be written.
    """
    write_whole(path, page(tables, command=command, figures=figures).encode())


def page(tables: Sequence[Table], *, command: str, figures: bool) -> str:
    """The page as text; whatever a user or a paper wrote is escaped. For the arguments see `save_report`."""
    made = datetime.now(UTC).isoformat(timespec="minutes")
    filled = {
        "title": "mslt report",
        "about": f"Made {made} by mslt {html.escape(__version__)} with <code>{html.escape(command)}</code>.",
        "contents": "".join(
            f'<li><a href="#{table.name}">{table.name}</a>: {html.escape(table.title)}</li>' for table in tables
        ),
        "sections": "\n".join(_section(table, figures=figures) for table in tables),
    }
    return re.sub(r"%(\w+)%", lambda match: filled[match[1]], TEMPLATE.read_text(encoding="utf-8"))


def _section(table: Table, *, figures: bool) -> str:
    parts = [f'<section><h2 id="{table.name}">{html.escape(table.title)} <small>{table.name}</small></h2>']
    if table.rows:
        head = "".join(
            f"<th{_side(h)}><button>{html.escape(h.shown)}</button>{_marks(h.marks, table.name)}</th>"
            for h in table.heads
        )
        body = "".join(
            "<tr>" + "".join(_cell(row[h.key], h, table.name) for h in table.heads) + "</tr>\n" for row in table.rows
        )
        parts.append(f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>')
    if figures and table.chart is not None:
        parts.append(f"<figure>{_image(table)}</figure>")
    notes = [f'<li id="{table.name}-{i}">[{i}] {html.escape(text)}</li>' for i, text in enumerate(table.footnotes, 1)]
    notes += [f"<li>{html.escape(text)}</li>" for text in table.notes]
    if notes:
        parts.append(f'<ul class="notes">{"".join(notes)}</ul>')
    if table.commands:
        lines = html.escape("\n".join(table.commands))
        parts.append(f"<details><summary>Commands that made these runs ({len(table.commands)})</summary>")
        parts.append(f"<pre>{lines}</pre></details>")
    return "\n".join([*parts, "</section>"])


def _side(head: Head) -> str:
    return ' class="n"' if head.right else ""


def _cell(cell: Cell, head: Head, name: str) -> str:
    kinds = " ".join([*(["n"] if head.right else []), *([cell.origin] if cell.origin else [])])
    about = f' class="{kinds}"' if kinds else ""
    if cell.value is not None:
        about += f' data-value="{html.escape(str(cell.value))}"'
    if cell.source:
        source = html.escape(cell.source)
        about += f' title="{source}" data-source="{source}" tabindex="0"'
    return f"<td{about}>{html.escape(cell.text)}{_marks(cell.marks, name)}</td>"


def _marks(marks: Sequence[int], name: str) -> str:
    links = ", ".join(f'<a href="#{name}-{mark}">{mark}</a>' for mark in marks)
    return f"<sup>{links}</sup>" if marks else ""


def _image(table: Table) -> str:
    """The chart, in the page: as a picture, so that nothing in it is the page's own markup."""
    from mslt_cli.show.report_figures import drawn

    data, _ = drawn(table, "svg")
    text = base64.b64encode(data).decode()
    return f'<img alt="{html.escape(table.title)}" src="data:image/svg+xml;base64,{text}">'
