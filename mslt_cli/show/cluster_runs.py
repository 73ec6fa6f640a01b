"""Runs on a cluster: what was handed over, and which runs are not done."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from mslt_cli.clusters.handing import Handed
from mslt_cli.clusters.submissions import Engine, Unfinished
from mslt_cli.reports.cells import Column, columns_of, plural
from mslt_cli.show.rows import show_rows
from mslt_cli.show.terminal import print_whole, remark

HOW_TO_LOOK = "`mslt report runs --unfinished` shows which runs are queued, running or failed, with their logs."


def show_scripts(handed: Handed, engine: Engine, form: str) -> None:
    """Print what a cluster would be given: scripts one after another, or with their runs as JSON."""
    scripts = [engine.script(submission) for submission in handed.submissions]
    if form in ("json", "jsonl"):
        rows = [
            {"engine": engine.name, "script": script, "elements": [list(map(asdict, runs)) for runs in sent.elements]}
            for sent, script in zip(handed.submissions, scripts, strict=True)
        ]
        show_rows([], rows, form, key="scripts")
    else:
        print_whole("\n".join(scripts))
    remark(f"{_say_counts(handed)} --dry-run: nothing was sent.")


def show_handed(handed: Handed, form: str) -> None:
    """Print the submissions, and how to look."""
    rows = [
        {
            "job": sent.job,
            "name": sent.name,
            "engine": sent.engine,
            "elements": len(sent.elements),
            "runs": sum(map(len, sent.elements)),
            "log": str(sent.path("_0.log" if len(sent.elements) == 1 else "_*.log")),
        }
        for sent in handed.submissions
    ]
    columns = [
        *columns_of("job", "name", "engine"),
        *columns_of("elements", "runs", text=",", right=True),
        Column("log"),
    ]
    footer = [_say_counts(handed), HOW_TO_LOOK]
    show_rows(columns, rows, form, key="submitted", footer=footer, piped=[row["job"] for row in rows])


def _say_counts(handed: Handed) -> str:
    runs = sum(len(element) for sent in handed.submissions for element in sent.elements)
    return f"{plural(runs, 'run')} submitted, {handed.done} done and {handed.alive} queued or running already."


def show_unfinished(runs: Sequence[Unfinished], form: str) -> None:
    """Print the runs that were begun or submitted and are not done."""
    columns = [
        Column("run_id", header="run"),
        Column("sources"),
        Column("seed", right=True),
        Column("state"),
        Column("step", lambda step: f"{step:,}" if step else "", right=True),
        Column("job"),
        Column("said"),
        Column("log"),
        *(Column(name, csv_only=True) for name in ("directory", "command")),
    ]
    counts = Counter(run.state for run in runs)
    footer = [f"{plural(len(runs), 'unfinished run')}: {', '.join(f'{n} {state}' for state, n in counts.items())}."]
    if counts["failed"]:
        footer.append("The same `mslt train … --submit` again sends those that failed.")
    rows = [run._asdict() for run in runs]
    footer = footer if runs else ["All done."]
    show_rows(columns, rows, form, key="unfinished", footer=footer, piped=[run.run_id for run in runs])
