"""A report as one page that needs nothing else: contents, sortable tables, figures, and where numbers come from."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from mslt_cli import __version__
from mslt_cli.files import write_whole
from mslt_cli.harmless import clean
from mslt_cli.reports.cells import Cell, Column, ReportTable
from mslt_cli.show.report_figures import draw_chart

TEMPLATE = Path(__file__).with_suffix(".html")


def save_report(path: Path, tables: Sequence[ReportTable], *, command: str, figures: bool) -> None:
    """Write the page that a command makes; whatever a user or a paper wrote is escaped. Figures need matplotlib."""
    made = datetime.now(UTC).isoformat(timespec="minutes")
    contents = (f'<li><a href="#{table.name}">{table.name}</a>: {escape(table.title)}</li>' for table in tables)
    values = {
        "title": "mslt report",
        "about": f"Made {made} by mslt {escape(__version__)} with <code>{escape(command)}</code>.",
        "contents": "".join(contents),
        "sections": "\n".join(_section(table, figures=figures) for table in tables),
    }
    write_page(path, TEMPLATE, values)


def write_page(path: Path, template: Path, values: Mapping[str, str]) -> None:
    """Write a page with a value for each %name% in its template; the values are HTML.

    Its policy lets a browser load nothing, and run the template's own script alone, whatever the values hold.
    """
    page = template.read_text(encoding="utf-8")
    policy = {"default-src": "'none'", "img-src": "data:", "base-uri": "'none'", "form-action": "'none'"}
    policy |= {f"{kind}-src": _hashes(page, kind) for kind in ("script", "style")}
    held = {**values, "policy": "; ".join(f"{what} {whence}" for what, whence in policy.items())}
    write_whole(path, clean(re.sub(r"%(\w+)%", lambda match: held[match[1]], page)).encode())


def _hashes(page: str, tag: str) -> str:
    """What a policy allows: the texts of these elements of a page, by their SHA-256."""
    texts = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in texts)


def _section(table: ReportTable, *, figures: bool) -> str:
    name = table.name
    parts = [f'<section><h2 id="{name}">{escape(table.title)} <small>{name}</small></h2>']
    if table.rows:
        head = ""
        for column in table.columns:
            side, text = ' class="n"' if column.right else "", escape(column.header or column.name)
            head += f"<th{side}><button>{text}</button>{_marks(column.marks, name)}</th>"
        rows = ("".join(_cell(row[column.name], column, name) for column in table.columns) for row in table.rows)
        body = "".join(f"<tr>{row}</tr>\n" for row in rows)
        parts.append(f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>')
    if figures and table.chart is not None:
        # As a picture, so that nothing in it is the page's own markup.
        data = base64.b64encode(draw_chart(table, ".svg")[0]).decode()
        parts.append(f'<figure><img alt="{escape(table.title)}" src="data:image/svg+xml;base64,{data}"></figure>')
    notes = [f'<li id="{name}-{i}">[{i}] {escape(text)}</li>' for i, text in enumerate(table.footnotes, 1)]
    notes += [f"<li>{escape(text)}</li>" for text in table.notes]
    if notes:
        parts.append(f'<ul class="notes">{"".join(notes)}</ul>')
    if table.commands:
        lines = escape("\n".join(table.commands))
        parts.append(f"<details><summary>Commands that made these runs ({len(table.commands)})</summary>")
        parts.append(f"<pre>{lines}</pre></details>")
    return "\n".join([*parts, "</section>"])


def _cell(cell: Cell, column: Column, name: str) -> str:
    kinds = " ".join(filter(None, ["n" if column.right else "", cell.origin]))
    about = f' class="{kinds}"' if kinds else ""
    if cell.value is not None:
        about += f' data-value="{escape(str(cell.value))}"'
    if cell.source:
        source = escape(cell.source)
        about += f' title="{source}" data-source="{source}" tabindex="0"'
    return f"<td{about}>{escape(cell.text)}{_marks(cell.marks, name)}</td>"


def _marks(marks: Sequence[int], name: str) -> str:
    links = ", ".join(f'<a href="#{name}-{mark}">{mark}</a>' for mark in marks)
    return f"<sup>{links}</sup>" if marks else ""
