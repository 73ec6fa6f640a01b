"""What there is to report on and what can be asked, for every format."""

from collections.abc import Sequence
from typing import Any

from mslt_cli.reports.cells import Column, columns_of, plural
from mslt_cli.reports.overview import Holding
from mslt_cli.reports.views import ABOUT_RUNS, VIEWS
from mslt_cli.show.rows import Output, show
from mslt_cli.show.terminal import print_lines

PART_OF_RUNS = "Single runs"


def show_holdings(holdings: Sequence[Holding], form: str) -> None:
    """Print what there is; tables, Markdown, LaTeX and JSON also have the reports, and commands that work now."""
    rows: list[dict[str, Any]] = [row._asdict() | {"holds": row} for row in holdings]
    columns = [
        *(Column(name, label=True) for name in ("source", "task", "model")),
        Column("runs", csv_only=True),
        Column("holds", _holds_text),
        Column("examples", lambda budgets: ", ".join(f"{budget:,}" for budget in budgets)),
        Column("printed", csv_only=True),
        Column("last", lambda text: text[:10], header="last run", spare=True),
        Column("command", csv_only=True),
    ]
    reports = [{"part": row.part, "report": row.name, "shows": row.summary} for row in VIEWS.values()]
    reports += [{"part": PART_OF_RUNS, "report": name, "shows": text} for name, text in ABOUT_RUNS.items()]
    examples = _example_commands(holdings)
    items = [{name: value for name, value in row.items() if name != "holds"} for row in rows]
    whole = {"holdings": items, "reports": reports, "examples": examples}
    nothing = [] if holdings else ["There is nothing of this. `mslt report` alone shows what there is."]
    if form == "csv":
        columns = [column for column in columns if column.name != "holds"]
    show(Output(columns, rows, whole, items, "What there is", footer=nothing, label="holdings", line="command"), form)
    if form in ("table", "md", "latex"):
        print_lines("")
        parts = [row["part"] for row in reports]
        reports = [row | {"part": ""} if row["part"] in parts[:i] else row for i, row in enumerate(reports)]
        footer = ["`mslt report NAME` shows one, and --source, --task and --model choose. For example:"]
        footer += [f"    {command}" for command in examples]
        title = "What can be asked"
        show(
            Output(columns_of("part", "report", "shows"), reports, None, None, title, footer=footer, label="asked"),
            form,
        )


def _holds_text(row: Holding) -> str:
    """ "105 runs: 35 combinations of 3, 5 of 1"; of the paper "42 numbers"."""
    if not row.runs:
        return plural(row.printed, "number")
    sizes = [f"{n} of {size}" if size else "the model as it is" for size, n in row.combinations.items()]
    return f"{plural(row.runs, 'run')}, combinations: {', '.join(sizes)}"


def _example_commands(holdings: Sequence[Holding]) -> list[str]:
    """Three command lines that work for what there is: of the most runs, of all of them, of single runs."""
    if not holdings:
        return []
    first = next((row for row in holdings if any(row.combinations)), holdings[-1])  # not of a model as it is alone
    which = f"--source {first.source} --task {first.task}"
    further = [f"mslt report all {which} --out report.html"]
    further += [f"mslt report runs {which}"] if first.runs else []
    return [first.command, *further]
