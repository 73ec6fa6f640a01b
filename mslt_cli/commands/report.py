"""`mslt report`: the paper's tables and figures and what it lacks, from its numbers and from runs; and the runs."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING, Annotated

import typer

from mslt_cli.commands import options
from mslt_cli.commands.arguments import settings_in
from mslt_cli.commands.options import complete_languages, complete_model_names, complete_tasks, option
from mslt_cli.errors import MissingFactsError, UsageError

if TYPE_CHECKING:
    from mslt_cli.reports.cells import ReportTable

_COMBINATIONS, _RUNS = "Which combinations", "Which runs"
"""Headings in the help."""
SUFFIXES = {".html": "page", ".png": "figure", ".svg": "figure", ".pdf": "figure"}
SUFFIXES |= {".json": "json", ".jsonl": "jsonl", ".csv": "csv", ".md": "md", ".tex": "latex"}
"""What --out FILE holds, by its ending."""
ReportFormat = StrEnum("ReportFormat", "table json jsonl csv md latex lines quiet")
"""How reports are printed."""


def _complete_what(incomplete: str) -> list[tuple[str, str]]:
    from mslt_cli.reports.views import ABOUT_RUNS, VIEWS

    names = [("all", "all of them"), *((row.name, row.summary) for row in VIEWS.values()), *ABOUT_RUNS.items()]
    return [(name, summary) for name, summary in names if name.startswith(incomplete)]


_WHAT = typer.Argument(
    metavar="WHAT [RUN...]",
    autocompletion=_complete_what,
    help="Reports, by comma: answer, trained, transfer, best, languages, foretold, regret, criteria, table1, table2, "
    "table3, table4, table6, fig3, fig4, fig5, fig6; or all. `runs` lists runs, `run ID` shows one, `diff ID ID` "
    "compares two. Default: what there is and what can be asked.",
)
_SOURCE = (
    "Whose numbers: published (the paper's), runs (yours), both, or shipped (runs that come with mslt). Default: both "
    "if you have runs, else published."
)
_OUT = (
    "File to write, by its ending: a page (.html), a figure (.png, .svg, .pdf) or tables (.tex, .md, .csv, .json, "
    ".jsonl); with `run ID`, a folder .eval_results for the hub. Default: all is printed."
)
_K = "Number of source languages in a combination; fig4 shows all numbers. Default: 3."
_INCLUDE = "Languages that every combination holds, by comma. Default: none; in table2, en."
_POOL = "Languages that combinations are made of, by comma. Default: all that were trained on."
_TOP = "Number of combinations that table3 lists. Default: 5."
_TASK = "Tasks that runs were evaluated on, by comma. Default: all."
_MODEL = "Models that were trained, by comma. Default: all."
_METRIC = "Metric of the scores. Default: the one of each task."
_EXAMPLES = "Budget of the runs, in training examples. Default: the one that all have."
_WHERE = "Setting that the runs have, as learning_rate=1e-4; may be repeated. Default: the ones that all have."
_MIX = "Compare runs of different budgets; the report says so."
_UNFINISHED = "With `runs`: the runs that are queued, running, failed or begun, in place of those that are done."
_MISSING = "With `runs`: those of the store whose directories are gone or say something else, and those that it lacks."
_FORMAT = (
    "Form of the output: table, json, jsonl, csv, md, latex, lines (first column only), or quiet (no remarks, "
    "of runs their ids). Default: table."
)


def report_command(
    what: Annotated[list[str] | None, _WHAT] = None,
    source: Annotated[str | None, option("NAME", _SOURCE)] = None,
    out: Annotated[Path | None, option("FILE", _OUT)] = None,
    k: Annotated[int, option("N", _K, "-k", panel=_COMBINATIONS, min=1)] = 3,
    include: Annotated[
        list[str] | None, option("LANGS", _INCLUDE, panel=_COMBINATIONS, complete=complete_languages)
    ] = None,
    pool: Annotated[list[str] | None, option("LANGS", _POOL, panel=_COMBINATIONS, complete=complete_languages)] = None,
    top: Annotated[int, option("N", _TOP, panel=_COMBINATIONS, min=1)] = 5,
    task: Annotated[list[str] | None, option("TASKS", _TASK, panel=_RUNS, complete=complete_tasks)] = None,
    model: Annotated[list[str] | None, option("MODELS", _MODEL, panel=_RUNS, complete=complete_model_names)] = None,
    metric: Annotated[str | None, option("NAME", _METRIC, panel=_RUNS)] = None,
    examples: Annotated[int | None, option("N", _EXAMPLES, "--examples", "-n", panel=_RUNS, min=1)] = None,
    where: Annotated[list[str] | None, option("NAME=VALUE", _WHERE, panel=_RUNS)] = None,
    mix_budgets: Annotated[bool, option(None, _MIX, "--mix-budgets", panel=_RUNS)] = False,
    unfinished: Annotated[bool, option(None, _UNFINISHED, "--unfinished", panel=_RUNS)] = False,
    missing: Annotated[bool, option(None, _MISSING, "--missing", panel=_RUNS)] = False,
    runs: options.RunsOption = None,
    store: options.StoreOption = None,
    format_: Annotated[
        ReportFormat, option("NAME", _FORMAT, "--format", panel=options.OUTPUT, check=options.quieten)
    ] = ReportFormat.table,
    json_: options.JsonOption = False,
) -> None:
    """Tables and figures of the paper, from its numbers, from your runs, or side by side; and what the paper lacks.

    Examples:

      mslt report

      mslt report answer

      mslt report table1 --source published

      mslt report all --out report.html

      mslt report fig4 --task xnli --pool de,en,es,fr,zh --out fig4.pdf

      mslt report criteria --source shipped

      mslt report regret --source shipped --out regret.pdf

      mslt report runs --task cldr

      mslt report runs --unfinished

      mslt report runs --missing

      mslt report diff 4c44 3d15
    """
    from mslt_cli.languages.pools import split_names
    from mslt_cli.models import canonical_name
    from mslt_cli.reports.views import VIEWS, report
    from mslt_cli.show.report_tables import output_of, text_of
    from mslt_cli.show.rows import show
    from mslt_cli.show.terminal import note, print_lines, print_whole, remark
    from mslt_cli.store.db import store_path
    from mslt_cli.store.results import open_with_results

    form = (ReportFormat.json if json_ else format_).value
    tasks, models, included, pooled = (
        [name for text in texts or () for name in split_names(text)] for texts in (task, model, include, pool)
    )
    models = [canonical_name(name) for name in models]
    subject, *run_ids = what or [""]
    for name, given in (("--unfinished", unfinished), ("--missing", missing)):
        if given and subject != "runs":
            raise UsageError(f"{name} goes with `mslt report runs`. Leave it out.")
    if unfinished and missing:
        raise UsageError("--unfinished and --missing are two lists. Give one of them.")
    if not subject:
        from mslt_cli.reports.overview import list_holdings
        from mslt_cli.show.holdings import show_holdings

        of_one = {"--out": out, "--include": include, "--pool": pool, "--metric": metric, "--where": where}
        if named := [name for name, value in of_one.items() if value]:
            raise UsageError(f"{named[0]} is for one report. Name it: `mslt report` alone lists them.")
        with open_with_results(store_path(store)) as opened:
            held = list_holdings(opened, source=source, tasks=tasks, models=models, examples=examples)
        show_holdings(held, form)
        return
    if subject in ("runs", "run", "diff"):
        from mslt_cli.reports.run_lists import compare_settings_and_scores, list_runs, read_run_details
        from mslt_cli.runs.hub_scores import FOLDER, write_hub_scores
        from mslt_cli.show.bars import progress
        from mslt_cli.show.stored_runs import show_difference, show_run, show_run_list
        from mslt_cli.store.runs import stored_scores

        if out is not None and (subject != "run" or out.name != FOLDER):
            example = f"`mslt report {subject} --format csv > FILE` writes a file."
            hub = f", or of one run a folder {FOLDER}" if subject == "run" else ""
            raise UsageError(f"--out is for tables and figures{hub}; {example}")
        if subject == "runs" and run_ids:
            raise UsageError(f"`mslt report runs` takes no further names; {run_ids[0]!r} is one.")
        if unfinished:
            from mslt_cli.clusters.handing import ENGINES
            from mslt_cli.clusters.submissions import list_unfinished
            from mslt_cli.runs.directory import runs_root
            from mslt_cli.show.cluster_runs import show_unfinished

            engines = {name: engine() for name, engine in ENGINES.items()}
            listed, notes = list_unfinished(runs_root(runs, store_path(store)), engines)
            for text in notes:
                note(text)
            show_unfinished(listed, form)
            return
        with open_with_results(store_path(store)) as opened:
            if missing:
                from mslt_cli.runs.directory import runs_root
                from mslt_cli.runs.housekeeping import find_disagreements
                from mslt_cli.show.stored_runs import show_disagreements

                show_disagreements(find_disagreements(opened, runs_root(runs, opened.path)), form)
            elif subject == "runs":
                show_run_list(list_runs(opened, tasks=tasks, models=models, examples=examples, source=source), form)
            elif subject == "run":
                run, scores = read_run_details(opened, run_ids)
                if out is None:
                    show_run(run, scores, form)
                    return
                of_run = stored_scores(opened, run_id=run.run_id, origin=run.origin)
                written = write_hub_scores(out, run.run_id, run.name, [s._asdict() for s in of_run], progress())
                if not written:
                    raise MissingFactsError(
                        f"Run {run.run_id} has no score on all rows of a data set of the hub. Without --out you see its"
                        " scores."
                    )
                for path in written:
                    remark(f"written: {path}")
            else:
                show_difference(compare_settings_and_scores(opened, run_ids), form)
        return
    if run_ids:
        raise UsageError(f"`mslt report {subject}` takes no further names; {run_ids[0]!r} is one.")
    views = list(VIEWS) if subject == "all" else split_names(subject)
    if form == "quiet" and out is None:
        raise UsageError("--format quiet has nothing to print of tables. Give --out FILE, or take lines, csv or json.")
    if out is not None:
        form = _form_of(out, views)
    with open_with_results(store_path(store)) as opened:
        tables = report(
            opened,
            views,
            source=source,
            tasks=tasks,
            models=models,
            metric=metric,
            k=k,
            top=top,
            include=included,
            pool=pooled,
            examples=examples,
            where=settings_in(where),
            mix_budgets=mix_budgets,
        )
    if form == "csv" and len(tables) > 1:
        if len(views) > 1:
            raise UsageError("A CSV file holds one table: name one report, or take --format json.")
        note(f"{tables[1].title} is left out: a CSV file holds one table; --format json has both.")
        tables = tables[:1]
    if out is not None:
        _write(out, form, tables)
        remark(f"written: {out}")
    elif form == "table":
        for i, table in enumerate(tables):
            print_lines("") if i else None
            show(output_of(table), form)
    else:
        print_whole(text_of(tables, form))


def _form_of(out: Path, views: Sequence[str]) -> str:
    """What a file holds by the ending of its name: "page", "figure" or a format; one that these reports can have."""
    suffix = out.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"--out {out} ends in {suffix or 'nothing'}; it can end in {', '.join(SUFFIXES)}.")
    if SUFFIXES[suffix] == "figure" and len(views) > 1:
        raise UsageError("A figure shows one report: name one, or write a page with --out report.html.")
    return SUFFIXES[suffix]


def _write(out: Path, form: str, tables: Sequence[ReportTable]) -> None:
    """Write a page, a figure or tables."""
    from mslt_cli.files import write_whole
    from mslt_cli.show.terminal import note

    if form == "page":
        from mslt_cli.show.report_page import save_report

        figures = importlib.util.find_spec("matplotlib") is not None
        save_report(out, tables, command=join(["mslt", *sys.argv[1:]]), figures=figures)
        if not figures:
            note("the page has no figures: they need matplotlib. Run `pip install 'mslt-cli[probe]'`.")
    elif form == "figure":
        from mslt_cli.show.drawing import require_figure
        from mslt_cli.show.report_figures import draw_chart

        require_figure(out)
        table = tables[0]
        if table.chart is None and table.name.startswith("table"):
            raise UsageError(f"{table.name} is a table: --out FILE.tex, .md, .csv or .json writes it.")
        if table.chart is None:
            raise MissingFactsError(f"There is nothing to draw. {' '.join(table.notes)}")
        data, notes = draw_chart(table, out.suffix)
        write_whole(out, data)
        for line in notes:
            note(line)
    else:
        from mslt_cli.show.report_tables import text_of

        write_whole(out, text_of(tables, form).encode())
