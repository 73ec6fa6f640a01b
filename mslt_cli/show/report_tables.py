"""Tables of a report, for every format."""

from collections.abc import Sequence

from mslt_cli.reports.cells import ReportTable
from mslt_cli.show.rows import Column, Output, json_text, render, show


def show_table(table: ReportTable) -> None:
    """Print a table for people."""
    show(_output(table), "table")


def text_of(tables: Sequence[ReportTable], form: str) -> str:
    """Tables, at least one, as text for files and programs: json, jsonl, csv, md, latex or lines."""
    outputs = [_output(table) for table in tables]
    if form == "json" and len(outputs) > 1:
        return json_text({"reports": [output.value for output in outputs]})
    return ("\n" if form in ("csv", "md", "latex") else "").join(render(output, form) for output in outputs)


def _output(table: ReportTable) -> Output:
    """A table for every format; a JSON line is a table."""
    value = {
        "report": table.name,
        "title": table.title,
        "columns": [head.key for head in table.heads],
        "rows": [{head.key: row[head.key] for head in table.heads} for row in table.rows],
        "footnotes": table.footnotes,
        "notes": table.notes,
    }
    columns = [
        Column(head.key, right=head.right, header=head.text, label=head.label, marks=head.marks) for head in table.heads
    ]
    return Output(
        columns,
        table.rows,
        value,
        [value],
        title=table.title,
        footnotes=table.footnotes,
        footer=table.notes,
        label=table.name,
    )
