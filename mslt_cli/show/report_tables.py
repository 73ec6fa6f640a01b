"""Tables of a report, for every format."""

from collections.abc import Sequence

from mslt_cli.reports.cells import ReportTable
from mslt_cli.show.rows import Output, json_text, render


def text_of(tables: Sequence[ReportTable], form: str) -> str:
    """Tables, at least one, as text for files and programs: json, jsonl, csv, md, latex or lines."""
    outputs = [output_of(table) for table in tables]
    if form == "json" and len(outputs) > 1:
        return json_text({"reports": [output.value for output in outputs]})
    return ("\n" if form in ("csv", "md", "latex") else "").join(render(output, form) for output in outputs)


def output_of(table: ReportTable) -> Output:
    """A table for every format; a JSON line is a table."""
    value = {
        "report": table.name,
        "title": table.title,
        "columns": [column.name for column in table.columns],
        "prose": [passage._asdict() for passage in table.prose],
        "rows": table.rows,
        "footnotes": table.footnotes,
        "notes": table.notes,
    }
    return Output(
        table.columns,
        table.rows,
        value,
        [value],
        title=table.title,
        prose=[paragraph for passage in table.prose for paragraph in passage.paragraphs],
        footnotes=table.footnotes,
        footer=table.notes,
        label=table.name,
    )
