"""`report`: the paper's tables and figures, and what it lacks: of its numbers, of own runs, or side by side."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from mslt_cli.errors import MsltError, UnknownNameError, UsageError
from mslt_cli.reports import paper_figures, paper_tables, regret
from mslt_cli.reports.answer import answer_question
from mslt_cli.reports.cells import Cell, Column, ReportTable, columns_of
from mslt_cli.reports.criteria_and_ties import assess_criteria, rank_against_best
from mslt_cli.reports.foretold_views import check_foretelling, map_transfer, weigh_languages
from mslt_cli.reports.gathering import ORIGINS, Request
from mslt_cli.reports.material import Material, Sizes
from mslt_cli.reports.trained_map import map_trained
from mslt_cli.store import languages as facts
from mslt_cli.store.db import Store
from mslt_cli.store.runs import stored_evaluations
from mslt_cli.tasks import find_task

NO_SUCH_RUNS = (
    "These are the paper's numbers alone: no runs of the model, metric, budget or setting that is asked for are shown."
)
NOT_PRINTED = "The paper prints this for combinations of 3 out of its 7 languages alone: its numbers are left out."
MISSING = Cell(None, "–")
"""Of a row that lacks a column."""


ANSWER, TRAINED, SAID, TRUST, PAPER = (
    "The answer",
    "What was trained",
    "What the runs say",
    "Which criterion to trust",
    "The paper's tables and figures",
)
"""Parts of a report, in their order."""


class View(NamedTuple):
    """One row of VIEWS."""

    name: str
    summary: str
    make: Callable[[Material], ReportTable | tuple[ReportTable, ...]]
    published: bool = False
    """Whether the paper prints numbers for it."""
    sizes: Sizes = "k"
    part: str = PAPER


VIEWS: dict[str, View] = {
    row.name: row
    for row in (
        View(
            "answer",
            "which sources to take, what to expect, and what to train next",
            answer_question,
            published=True,
            sizes="all",
            part=ANSWER,
        ),
        View("trained", "score of each combination on each target", map_trained, sizes="all", part=TRAINED),
        View("transfer", "score of each single source on each target", map_transfer, sizes="all", part=TRAINED),
        View("best", "which combinations can be told from the best", rank_against_best, part=SAID),
        View("languages", "what each language and pair brings", weigh_languages, sizes="all", part=SAID),
        View("foretold", "how truly runs foretell what others score", check_foretelling, sizes="all", part=SAID),
        View("regret", "what the choice costs after each number of runs", regret.replay_regret, part=SAID),
        View("criteria", "rank correlation, regret and luck of each criterion", assess_criteria, part=TRUST),
        View("table1", "score and rank of each criterion's choice", paper_tables.table1, True),
        View("table2", "the same with a language in every combination", paper_tables.table2, True),
        View("table3", "the best combinations, and the languages in them", paper_tables.table3, True),
        View("table4", "score by number of writing systems", paper_tables.table4, True),
        View("table6", "most against least diverse", paper_tables.table6, True),
        View("fig3", "how mixed languages are, from `mslt probe`", paper_figures.fig3, sizes="none"),
        View("fig4", "score by number of source languages", paper_figures.fig4, sizes="all"),
        View("fig5", "best and worst combination against one source", paper_figures.fig5, True, sizes="k and 1"),
        View("fig6", "table6 as a figure", paper_tables.fig6, True),
    )
}

ABOUT_RUNS = {"runs": "lists runs", "run ID": "one run wholly", "diff ID ID": "what differs between two runs"}
"""What `mslt report` says of single runs."""


def report(
    store: Store,
    views: Sequence[str],
    *,
    source: str | None = None,
    tasks: Sequence[str] = (),
    models: Sequence[str] = (),
    metric: str | None = None,
    k: int = 3,
    top: int = 5,
    include: Sequence[str] = (),
    pool: Sequence[str] = (),
    examples: int | None = None,
    where: Mapping[str, str] | None = None,
    mix_budgets: bool = False,
) -> list[ReportTable]:
    """Make tables and figures of the paper, from its numbers, from own runs, or side by side.

    Args:
        store: filled, with what ships in db/ (see `fill_results`).
        views: rows of VIEWS.
        source: "published", "runs", "shipped" (runs that come with mslt), "both" (published and own runs). Default:
            both, where there are own runs.
        tasks: that were evaluated; default: all.
        models: default: all.
        metric: default: each task's own.
        k: size of the combinations, but for fig4, which has all.
        top: combinations that table3 lists.
        include: spellings of languages that every combination holds.
        pool: spellings of languages that combinations may be made of; default: all that were trained on.
        examples: the budget.
        where: settings that runs have: {"learning_rate": "1e-4"}.
        mix_budgets: compare runs of different budgets, and say so.

    Raises:
        UnknownNameError: an unknown view, source or language.
        MissingFactsError: there are no runs of what is asked for; says what there is, and what would make them.
        UsageError: the runs differ in budget or recipe.
        DataError: the runs have no target in common.
    """
    if unknown := [name for name in views if name not in VIEWS]:
        raise UnknownNameError("report", unknown[0], list(VIEWS))
    resolver = facts.resolver(store)
    include, pool = (tuple(resolver.resolve(x).iso639_3 for x in spellings) for spellings in (include, pool))
    if len(include) > k:
        raise UsageError(f"--include names {len(include)} languages, more than the {k} of -k.")
    evaluations = stored_evaluations(store)
    source = source or ("both" if any(row.origin == "own" for row in evaluations) else "published")
    if source not in ORIGINS:
        raise UnknownNameError("source of results", source, list(ORIGINS))
    tasks = [find_task(name).variant if name.endswith(".toml") else name for name in tasks]
    request = Request(source, tasks, models, metric, examples, where or {}, mix_budgets, k, top, include, pool)
    material = Material(store, request, evaluations)
    tables: list[ReportTable] = []
    errors: list[MsltError] = []
    for view in (VIEWS[name] for name in views):
        try:
            tables += _make(view, material)
        except MsltError as error:
            errors.append(error)
            columns = columns_of("report", right=True)
            tables.append(ReportTable(view.name, view.summary, columns, notes=[str(error)], part=view.part))
    if len(errors) == len(views):
        raise errors[0]
    for table in tables:
        table.rows = [{column.name: row.get(column.name, MISSING) for column in table.columns} for row in table.rows]
        table.notes = list(dict.fromkeys(table.notes))
    return tables


def _make(view: View, material: Material) -> list[ReportTable]:
    """The tables of a view; the last one says what is left out."""
    request, printed = material.request, view.published and bool(material.published)
    material.take_grids(view.sizes)
    notes = []
    if view.sizes != "none":
        if request.origin and not material.grids and not printed:
            raise material.missing_runs()
        if without := material.without_metric():
            notes.append(f"Left out, for lack of {request.metric}: {'; '.join(without)}.")
    if printed and not material.grids and (request.models or request.metric or request.examples or request.where):
        notes.append(NO_SUCH_RUNS)
    if printed and not request.is_printed(with_english=view.name == "table2"):
        notes.append(NOT_PRINTED)
    made = view.make(material)
    tables = list(made) if isinstance(made, tuple) else [made]
    runs = (run for grid in material.grids for trained in grid.trained.values() for run in trained.runs)
    tables[0].commands = tuple(dict.fromkeys(run.command for run in runs if run.command))
    tables[-1].notes += notes
    for table in tables:
        table.part = view.part
        table.columns = _by_task(table.columns)
    return tables


def _by_task(columns: Sequence[Column]) -> list[Column]:
    """What runs score beside what the paper prints of the same task: a name begins with the task's."""
    tasks = [column.name.partition(".")[0] for column in columns]
    return sorted(columns, key=lambda column: tasks.index(column.name.partition(".")[0]))
