"""`mslt report`: the paper's tables and figures and what it lacks, from its numbers and from runs; and the runs."""

from __future__ import annotations

import gc
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mslt_cli.commands.options import JsonOption, StoreOption, complete_languages, complete_model_names, complete_tasks

_RUNS = "Which runs"


class ReportFormat(StrEnum):
    """How reports are printed."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    md = "md"
    latex = "latex"


SUFFIXES = {".json": "json", ".jsonl": "jsonl", ".csv": "csv", ".md": "md", ".tex": "latex"}
"""What --out FILE holds by its name, beside pages (.html) and figures (.png, .svg, .pdf)."""
FIGURES = (".png", ".svg", ".pdf")
DRAWN = ("fig3", "fig4", "fig5", "fig6", "criteria", "best")
"""Reports that have a figure."""


def _complete_what(incomplete: str) -> list[tuple[str, str]]:
    from mslt_cli.reports.views import VIEWS

    further = [("all", "all of them"), ("runs", "lists runs"), ("run", "one run wholly"), ("diff", "two runs")]
    known = [*((row.name, row.summary) for row in VIEWS.values()), *further]
    return [(name, summary) for name, summary in known if name.startswith(incomplete)]


def report(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT [RUN...]",
            autocompletion=_complete_what,
            help="table1, table2, table3, table4, table6, fig3, fig4, fig5, fig6, criteria, best, or all of these; "
            "runs; run ID; diff ID ID.",
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option(
            metavar="published|runs|both|shipped",
            help="The paper's numbers, your runs, both, or runs that come with mslt. Default: both if you have runs.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="A page (.html), a figure (.png, .svg, .pdf) or a table (.tex, .md, .csv, .json), by its name.",
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option("--task", metavar="TASKS", autocompletion=complete_tasks, help="That were evaluated, by comma."),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="MODELS", autocompletion=complete_model_names, help="By comma."),
    ] = None,
    metric: Annotated[str | None, typer.Option(metavar="METRIC", help="Default: each task's own.")] = None,
    k: Annotated[int, typer.Option("-k", metavar="N", min=1, help="Languages in a combination; fig4 has all.")] = 3,
    include: Annotated[
        list[str] | None,
        typer.Option(
            "--include",
            metavar="LANGUAGES",
            autocompletion=complete_languages,
            help="In every combination. Default: none; of table2, en.",
        ),
    ] = None,
    pool: Annotated[
        list[str] | None,
        typer.Option(
            "--pool",
            metavar="LANGUAGES",
            autocompletion=complete_languages,
            help="Combinations out of these alone. Default: all that were trained on.",
        ),
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", min=1, help="Combinations that table3 lists.")] = 5,
    examples: Annotated[
        int | None, typer.Option("--examples", "-n", metavar="N", min=1, help="The budget.", rich_help_panel=_RUNS)
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SETTING=VALUE", help="Of the training: learning_rate=1e-4. Repeat it.", rich_help_panel=_RUNS
        ),
    ] = None,
    mix_budgets: Annotated[
        bool,
        typer.Option("--mix-budgets", help="Compare runs of different budgets, and say so.", rich_help_panel=_RUNS),
    ] = False,
    store: StoreOption = None,
    format_: Annotated[ReportFormat, typer.Option("--format", help="How to print tables.")] = ReportFormat.table,
    json_: JsonOption = False,
) -> None:
    """Tables and figures of the paper, from its numbers, from your runs, or side by side; and what the paper lacks.

    Examples:

      mslt report table1 --source published

      mslt report all --out report.html

      mslt report fig4 --task xnli --pool de,en,es,fr,zh --out fig4.pdf

      mslt report criteria --source shipped

      mslt report runs --task cldr

      mslt report diff 4c44 3d15
    """
    from mslt_cli.errors import MissingFactsError, UsageError
    from mslt_cli.languages.pools import split_names
    from mslt_cli.reports.views import VIEWS
    from mslt_cli.reports.views import report as make
    from mslt_cli.show.report_tables import show_table, text_of
    from mslt_cli.show.terminal import note
    from mslt_cli.store.db import store_path
    from mslt_cli.store.results import open_with_results

    gc.disable()  # scores are kept to the end: looking through them for garbage would be a tenth of the time
    form = (ReportFormat.json if json_ else format_).value
    path = store_path(store)
    names, named = what[0], what[1:]
    tasks, models = ([x for text in given or () for x in split_names(text)] for given in (task, model))
    if names in ("runs", "run", "diff"):
        if out is not None:
            raise UsageError(
                f"--out is for tables and figures; `mslt report {names} --format csv > FILE` writes a file."
            )
        from mslt_cli.reports.run_lists import compare_settings_and_scores, list_runs, read_run_details
        from mslt_cli.show.stored_runs import show_difference, show_run, show_run_list

        with open_with_results(path) as opened:
            if names == "runs":
                show_run_list(list_runs(opened, tasks=tasks, models=models, examples=examples, source=source), form)
            elif names == "run":
                show_run(read_run_details(opened, named), form)
            else:
                show_difference(compare_settings_and_scores(opened, named), form)
        return
    if named:
        raise UsageError(f"`mslt report {names}` takes no further names; {named[0]!r} is one.")
    views = list(VIEWS) if names == "all" else split_names(names)
    suffix = out.suffix.lower() if out is not None else ""
    if out is not None and suffix not in (*SUFFIXES, *FIGURES, ".html"):
        known = ", ".join((".html", *FIGURES, *SUFFIXES))
        raise UsageError(f"--out {out} ends in {suffix or 'nothing'}; it can end in {known}.")
    if suffix in FIGURES and len(views) > 1:
        raise UsageError("A figure shows one report: name one, or write a page with --out report.html.")
    settings = dict(_setting(text) for text in where or ())
    with open_with_results(path) as opened:
        tables = make(
            *(opened, views),
            source=source,
            tasks=tasks,
            models=models,
            metric=metric,
            k=k,
            top=top,
            include=[x for text in include or () for x in split_names(text)],
            pool=[x for text in pool or () for x in split_names(text)],
            examples=examples,
            where=settings,
            mix_budgets=mix_budgets,
        )
    form = SUFFIXES.get(suffix, form)
    if form == "csv" and len(tables) > 1:
        if len(views) > 1:
            raise UsageError("A CSV file holds one table: name one report, or take --format json.")
        note(f"{tables[1].title} is left out: a CSV file holds one table; --format json has both.")
        tables = tables[:1]
    if out is None:
        if form == "table":
            for i, table in enumerate(tables):
                typer.echo("") if i else None
                show_table(table)
        else:
            typer.echo(text_of(tables, form), nl=False)
        return
    from mslt_cli.files import write_whole
    from mslt_cli.show.probe_figure import require_figure

    if suffix == ".html":
        import sys
        from importlib.util import find_spec
        from shlex import join

        from mslt_cli.show.report_page import save_report

        figures = find_spec("matplotlib") is not None
        save_report(out, tables, command=join(["mslt", *sys.argv[1:]]), figures=figures)
        if not figures:
            note("the page has no figures: they need matplotlib. Run `pip install 'mslt-cli[probe]'`.")
    elif suffix in FIGURES:
        from mslt_cli.show.report_figures import save_chart

        require_figure(out)
        if tables[0].chart is None:
            if views[0] in DRAWN:
                raise MissingFactsError(f"There is nothing to draw. {' '.join(tables[0].notes)}")
            raise UsageError(f"{views[0]} is a table: --out FILE.tex, .md, .csv or .json writes it.")
        for line in save_chart(out, tables[0]):
            note(line)
    else:
        write_whole(out, text_of(tables, form).encode())
    note(f"written: {out}")


def _setting(text: str) -> tuple[str, str]:
    from mslt_cli.errors import UsageError

    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise UsageError(f"--where is {text!r}; write SETTING=VALUE: learning_rate=1e-4.")
    return name.strip(), value.strip()
