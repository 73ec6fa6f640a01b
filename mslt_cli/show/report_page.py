"""A report as one page: the answer, then its parts with tables and figures, notes once, and where numbers come from."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from mslt_cli import __version__
from mslt_cli.harmless import clean
from mslt_cli.reports.cells import Cell, Column, Passage, ReportTable
from mslt_cli.reports.charts import WhatIf
from mslt_cli.show.pages import as_json, picture, write_page
from mslt_cli.show.report_figures import draw_chart

Row = Mapping[str, Cell]
SHADES = 9
"""Steps of the colours of shaded cells: s0 to s8 in the style."""
FEWEST_ROWS = 3
"""Rows of each series from which a table is cut into one for each."""
MOST_BESIDE = 5
"""Columns of tables that stand beside each other, with their figure below; wider ones stand in a column beside it."""
LONGEST_LEAD = 160
"""Letters of a first sentence that stands out."""
OPTION = re.compile(r"(?<!\S)--?[a-z-]{1,24}(?!\S)")
WHOLE = r"<b>\g<0></b>"
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
MOST_NOTES = 4
"""Notes that stand open under a table."""
WHAT_IF = (
    "The ranking is what the model of all runs (the surrogate) expects on the mean of the targets that you choose; "
    "± is a 90 % interval. It holds for targets as in these runs. The chance to be the best, which the answer states, "
    "is for all targets together: it can't be worked out here for some of them."
)


@dataclass
class _Gathered:
    """What the tables of a page have in common, each text once."""

    repeated: frozenset[str]
    """Notes that stand under several tables."""
    notes: dict[str, list[str]] = field(default_factory=dict)
    """Texts of the page's numbered notes, in their order, and the names of the tables that they are about."""
    pieces: dict[str, int] = field(default_factory=dict)
    """Parts of the sources of numbers, and their places in the page's data."""

    def number(self, text: str, table: str) -> int:
        """The number of a note, from 1."""
        tables = self.notes.setdefault(text, [])
        if table not in tables:
            tables.append(table)
        return list(self.notes).index(text) + 1

    def source(self, text: str) -> str:
        """Places of the parts of a source: sources differ in few of them."""
        return " ".join(str(self.pieces.setdefault(piece, len(self.pieces))) for piece in text.split("; "))


def save_report(path: Path, tables: Sequence[ReportTable], *, command: str, figures: bool) -> None:
    """Write the page that a command makes; whatever a user or a paper wrote is escaped. Figures need matplotlib."""
    counts = Counter(note for table in tables for note in dict.fromkeys(table.notes))
    page = _Gathered(frozenset(note for note, n in counts.items() if n > 1))
    parts, contents = [], []
    for i, (heading, of_part) in enumerate(groupby(tables, key=lambda table: table.part or "The report"), 1):
        shown = list(of_part)
        full = [table for table in shown if table.rows or table.prose]
        body = [_view(table, page, figures=figures) for table in full]
        entries = [(table.name, table.title) for table in full]
        if what_if := [one for table in shown for one in table.what_if]:
            body.append(_chooser(what_if))
            entries.append(("what-if", "What if: other targets and languages"))
        body.append(_left_out([table for table in shown if table not in full]))
        parts.append(f'<section><h2 id="part-{i}">{escape(heading)}</h2>\n{"".join(body)}</section>')
        contents.append(_entry(f"part-{i}", heading, entries))
    if page.notes:
        parts.append(f'<section><h2 id="notes">Notes</h2>\n<ol class="notes">{_notes(page.notes)}</ol></section>')
        contents.append(_entry("notes", "Notes"))
    contents.append(_entry("sources", "Where the numbers come from"))
    made = datetime.now(UTC).isoformat(timespec="minutes")
    whats = [one for table in tables for one in table.what_if]
    names = {code: name for one in whats for code, name in one.names.items() if name != code}
    values = {
        "about": f"Made {made} by mslt {escape(__version__)}.",
        "contents": "".join(contents),
        "parts": "\n".join(parts),
        "sources": _sources(tables, made, command),
        "data": as_json({"pieces": list(page.pieces), "names": names, "whatIf": [_numbers(one) for one in whats]}),
    }
    write_page(path, "report_page", values)


def _entry(name: str, title: str, below: Iterable[tuple[str, str]] = ()) -> str:
    """A line of the contents, and those below it."""
    inner = "".join(_entry(*line) for line in below)
    return f'<li><a href="#{name}">{escape(title)}</a>{f"<ul>{inner}</ul>" if inner else ""}</li>'


def _view(table: ReportTable, page: _Gathered, *, figures: bool) -> str:
    """One table with its prose, figure and notes."""
    name = table.name
    html = f'<section class="view"><h3 id="{name}">{escape(table.title)} <small>{name}</small></h3>\n'
    if table.prose:
        html += f'<div class="passages">{"".join(map(_passage, table.prose))}</div>\n'
    # A table of shaded cells is its own figure.
    drawn = figures and table.chart is not None and not any(column.shaded for column in table.columns)
    picture_of = f"<figure>{_figure(table)}</figure>" if drawn else ""
    kind = "pair beside" if drawn and len(table.columns) > MOST_BESIDE else "pair"
    html += f'<div class="{kind}"><div class="tables">{_tables(table, page)}</div>{picture_of}</div>\n'
    numbers = sorted(page.number(text, name) for text in table.notes if text in page.repeated)
    if numbers:
        links = ", ".join(
            f'<a href="#note-{first}">{first}{f"–{last}" if last > first else ""}</a>'
            for first, last in _ranges(numbers)
        )
        html += f'<p class="notes">About these numbers: note{"s" * (len(numbers) > 1)} {links}</p>\n'
    if own := [text for text in table.notes if text not in page.repeated]:
        listed = f'<ul class="notes">{"".join(f"<li>{_text(text)}</li>" for text in own)}</ul>\n'
        folded = f'<details class="notes"><summary>{len(own)} notes on this table</summary>{listed}</details>\n'
        html += folded if len(own) > MOST_NOTES else listed
    return f"{html}</section>\n"


def _passage(passage: Passage) -> str:
    """What is said about one thing; it begins with the sentence that matters."""
    paragraphs = [f"<p>{_text(text)}</p>" for text in passage.paragraphs]
    first, *rest = re.split(r"(?<=[.]) (?=[A-Z])", passage.paragraphs[0], maxsplit=1)
    if len(first) < LONGEST_LEAD:
        paragraphs[0] = f"<p><strong>{_text(first)}</strong> {_text(''.join(rest))}</p>"
    return f'<article class="prose"><h4>{escape(passage.about)}</h4>{"".join(paragraphs)}</article>\n'


def _text(text: str) -> str:
    """A text of ours; what stands between two backticks is code, whose options are not broken at their hyphens."""
    return re.sub("`([^`]+)`", lambda match: f"<code>{OPTION.sub(WHOLE, match[1])}</code>", escape(text))


def _figure(table: ReportTable) -> str:
    return picture(draw_chart(table, ".svg")[0], f"Figure: {table.title}. The table has its numbers.")


def _ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """1, 2, 3, 7 → (1, 3), (7, 7)."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _tables(table: ReportTable, page: _Gathered) -> str:
    """The rows of a table; those of each series by themselves, where there are some of each."""
    columns = [column for column in table.columns if not column.csv_only]
    rows_of: dict[str, list[Row]] = {}
    for row in table.rows:
        rows_of.setdefault(row["series"].text if "series" in row else "", []).append(row)
    if "" in rows_of or min(map(len, rows_of.values()), default=0) < FEWEST_ROWS:
        return _table(table, columns, table.rows, page) if table.rows else ""
    html = ""
    for i, (series, rows) in enumerate(rows_of.items(), 1):
        filled = [x for x in columns if x.name != "series" and any(row[x.name].value is not None for row in rows)]
        of_series = _table(table, filled, rows, page, f"{table.name}-{i}")
        html += f'<div><h4 id="{table.name}-{i}">{escape(series)}</h4>{of_series}</div>'
    return html


def _table(table: ReportTable, columns: Sequence[Column], rows: Sequence[Row], page: _Gathered, about: str = "") -> str:
    name = table.name
    labels = {column.name for column in columns if column.label} or {columns[0].name}
    tagged = any(row[column.name].origin == "published" for row in rows for column in columns)
    head = ""
    for column in columns:
        side, text = ' class="n"' if column.right else "", escape(column.header or column.name)
        origins = {row[column.name].origin for row in rows if row[column.name].source}
        tag = f"<small>{origins.pop()}</small>" if tagged and len(origins) == 1 else ""
        head += (
            f'<th scope="col"{side}><button type="button">{text}</button>{_marks(table, column.marks, page)}{tag}</th>'
        )
    values = [row[x.name].value for row in rows for x in columns if x.shaded and row[x.name].value is not None]
    scale = (min(values), max(values)) if values else (0.0, 0.0)
    body = ""
    for row in rows:
        cells = ""
        for column in columns:
            cell, kinds = row[column.name], ["n"] if column.right else []
            if column.shaded and cell.value is not None:
                kinds.append(f"s{_shade(cell.value, *scale)}")
            elif cell.origin in ("published", "measured", "shipped"):
                kinds.append(cell.origin)
            cells += _cell(table, cell, kinds, page, is_label=column.name in labels)
        body += f"<tr>{cells}</tr>\n"
    legend = ""
    if values:
        steps = "".join(f'<i class="s{i}"></i>' for i in range(SHADES))
        legend = f'<p class="scale">{scale[0]:.1f} {steps} {scale[1]:.1f}</p>'
    named = f"{name} {about}".strip()
    rows_html = f"<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody>"
    return f'{legend}<div class="wide"><table aria-labelledby="{named}">{rows_html}</table></div>'


def _shade(value: float, low: float, high: float) -> int:
    """0 (the lowest value) to 8 (the highest)."""
    return round((value - low) / (high - low) * (SHADES - 1)) if high > low else 0


def _cell(table: ReportTable, cell: Cell, kinds: Sequence[str], page: _Gathered, *, is_label: bool) -> str:
    tag, about = ("th", ' scope="row"') if is_label else ("td", "")
    if kinds:
        about += f' class="{" ".join(kinds)}"'
    value = f"{cell.value:.6g}" if isinstance(cell.value, float) else str(cell.value)
    if cell.value is not None and (cell.marks or not (value == cell.text or NUMBER.fullmatch(cell.text))):
        about += f' data-value="{escape(value)}"'
    if cell.source:
        about += f' data-source="{page.source(clean(cell.source))}"'
    return f"<{tag}{about}>{escape(cell.text)}{_marks(table, cell.marks, page)}</{tag}>"


def _marks(table: ReportTable, marks: Sequence[int], page: _Gathered) -> str:
    """Links to the footnotes of a table, by their numbers on the page."""
    numbers = [page.number(table.footnotes[mark - 1], table.name) for mark in marks]
    links = ", ".join(f'<a href="#note-{number}">{number}</a>' for number in numbers)
    return f"<sup>{links}</sup>" if links else ""


def _notes(notes: Mapping[str, Sequence[str]]) -> str:
    """Each note once, with links back to where it counts."""
    html = ""
    for i, (text, names) in enumerate(notes.items(), 1):
        back = ", ".join(f'<a href="#{name}">{name}</a>' for name in names)
        html += f'<li id="note-{i}"><span>{_text(text)}</span> <small>↩ {back}</small></li>\n'
    return html


def _left_out(tables: Sequence[ReportTable]) -> str:
    """What a part lacks: the same reason once."""
    names: dict[tuple[str, ...], list[str]] = {}
    for table in tables:
        names.setdefault(tuple(table.notes), []).append(f'<b id="{table.name}">{table.name}</b>')
    lines = (f"<li>{', '.join(x)}: {_text(' '.join(notes) or 'nothing to show.')}</li>" for notes, x in names.items())
    return f'<p class="about">Not shown:</p><ul class="notes">{"".join(lines)}</ul>' if names else ""


def _chooser(what_if: Sequence[WhatIf]) -> str:
    """What the page's script fills: boxes to choose by, and the ranking."""
    options = "".join(f'<option value="{i}">{escape(one.label)}</option>' for i, one in enumerate(what_if))
    choice = f'<p><label>Runs of <select autocomplete="off">{options}</select></label></p>' if len(what_if) > 1 else ""
    heads = ("languages", "rank", "expected", "measured on all targets")
    head = "".join(f'<th scope="col"{" class=n" * (i > 0)}>{text}</th>' for i, text in enumerate(heads))
    rows = f"<thead><tr>{head}</tr></thead><tbody></tbody>"
    return (
        '<section id="chooser" hidden><h3 id="what-if">What if: other targets and languages</h3>\n'
        f'<p class="about">{escape(WHAT_IF)}</p>{choice}\n<div class="pair"><form></form>'
        '<div><p class="about part"></p><output aria-live="polite"></output>'
        f'<div class="wide" tabindex="0"><table aria-labelledby="what-if">{rows}</table></div>'
        "</div></div></section>\n"
    )


def _numbers(one: WhatIf) -> dict[str, Any]:
    """What the script ranks by; scores with three decimals, which no one sees."""
    rounded = {name: [round(float(x), 4) for x in getattr(one, name)] for name in ("variance", "spread")}
    return {
        **{"targets": list(one.targets), "combinations": [list(x) for x in one.combinations]},
        **{"means": [[round(float(x), 3) for x in row] for row in one.means], **rounded},
        **{"measured": list(one.measured), "unit": one.unit, "outOf": one.out_of},
    }


def _sources(tables: Sequence[ReportTable], made: str, command: str) -> str:
    """Version, date and commands."""
    commands = dict.fromkeys(line for table in tables for line in table.commands)
    facts = [("made", made), ("by", f"mslt {__version__}"), ("with", command)]
    html = "".join(f"<dt>{name}</dt><dd><code>{escape(text)}</code></dd>" for name, text in facts)
    html = f"<dl>{html}</dl>"
    if commands:
        summary = f"Commands that made the runs ({len(commands)})"
        lines = escape("\n".join(commands))
        html += f'<details class="commands"><summary>{summary}</summary><pre tabindex="0">{lines}</pre></details>'
    return html
