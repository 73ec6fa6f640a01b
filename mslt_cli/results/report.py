"""`report`: the paper's tables and figures, and what it lacks: of its numbers, of own runs, or side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb

from mslt_cli.criteria import CRITERIA
from mslt_cli.errors import MissingFactsError, MsltError, UnknownNameError
from mslt_cli.results import beyond, paper_figures, paper_tables
from mslt_cli.results.grid import Grid, make_grid
from mslt_cli.results.material import Choice, Material
from mslt_cli.results.tables import Table
from mslt_cli.search.best import TIE
from mslt_cli.selection import select
from mslt_cli.store import languages as facts
from mslt_cli.store.db import Store
from mslt_cli.store.probes import read_probes
from mslt_cli.store.results import (
    Evaluated,
    evaluated,
    inconsistencies,
    published_cells,
    scored_runs,
    stored_scores,
)
from mslt_cli.tasks import TASKS, find_task
from mslt_cli.tasks.base import Task

MOST_CHOSEN_FROM = 20_000
"""Combinations that criteria are computed for; a pool with more is not a grid that anybody trained."""


@dataclass(frozen=True)
class View:
    """One row of VIEWS."""

    name: str
    summary: str
    make: Callable[[Material], Table | tuple[Table, ...]]
    published: bool
    """Whether the paper prints numbers for it."""


VIEWS: dict[str, View] = {
    row.name: row
    for row in (
        View("table1", "score and rank of each criterion's choice", paper_tables.table1, True),
        View("table2", "the same with a language in every combination", paper_tables.table2, True),
        View("table3", "the best combinations, and the languages in them", paper_tables.table3, True),
        View("table4", "score by number of writing systems", paper_tables.table4, True),
        View("table6", "most against least diverse", paper_tables.table6, True),
        View("fig3", "how mixed languages are, from `mslt probe`", paper_figures.fig3, False),
        View("fig4", "score by number of source languages", paper_figures.fig4, False),
        View("fig5", "best and worst combination against one source", paper_figures.fig5, True),
        View("fig6", "table6 as a figure", paper_tables.fig6, True),
        View("criteria", "rank correlation, regret and luck of each criterion", beyond.criteria, False),
        View("best", "which combinations can be told from the best", beyond.best, False),
    )
}


SOURCES = ("published", "runs", "shipped", "both")


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
) -> list[Table]:
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
    for name in views:
        if name not in VIEWS:
            raise UnknownNameError("report", name, list(VIEWS))
    every = evaluated(store)
    own = [row for row in every if row.origin == "own"]
    source = source or ("both" if own else "published")
    if source not in SOURCES:
        raise UnknownNameError("source of results", source, SOURCES)
    origin = {"runs": "own", "both": "own", "shipped": "shipped"}.get(source)
    wanted = _wanted(every, origin, tasks, models, metric) if origin else []
    found = facts.all_languages(store)
    codes = {row.iso639_3: row.iso639_1 or row.iso639_3 for row in found}
    runs = scored_runs(store) if wanted else []
    grids = []
    for about in wanted:
        scores = stored_scores(store, task=about.task, split=about.split, scoring=about.scoring, metric=about.metric)
        chosen = {"examples": examples, "where": where, "mix_budgets": mix_budgets}
        grid = make_grid(about, runs, scores, code=codes, **chosen)  # type: ignore[arg-type]
        grids += [grid] if grid is not None else []
    if origin and not grids and (source != "both" or not any(VIEWS[name].published for name in views)):
        raise _no_runs(every, source, origin, tasks, models, metric, examples, where)
    published = published_cells(store) if source in ("published", "both") else []
    if tasks:
        published = [row for row in published if row.task in tasks]
    probes = read_probes(store) if source in ("runs", "both") and "fig3" in views else []
    named = {row.task for row in published} | {about.task for about in wanted}
    material = Material(
        published=published,
        inconsistencies=inconsistencies(),
        grids=grids,
        probes=[row for row in probes if not models or row.model in models],
        choose=_Chooser(store, codes, k).choose,
        code=codes,
        script={row.iso639_3: row.script for row in found if row.script},
        chance={task: chance for task in named if (chance := _chance(task)) is not None},
        items={task: items for task in {row.task for row in published} if (items := _items(task))},
        k=k,
        top=top,
        include=tuple(facts.resolve(store, name).iso639_3 for name in include),
        pool=tuple(facts.resolve(store, name).iso639_3 for name in pool),
    )
    made = [VIEWS[name].make(material) for name in views]
    return [table for one in made for table in (one if isinstance(one, tuple) else (one,))]


def _wanted(
    every: Sequence[Evaluated], origin: str, tasks: Sequence[str], models: Sequence[str], metric: str | None
) -> list[Evaluated]:
    """The evaluations that are asked for, one metric each."""
    mine = [row for row in every if row.origin == origin]
    mine = [row for row in mine if (not tasks or row.task in tasks) and (not models or row.model in models)]
    groups: dict[tuple[str, str, str, str], list[Evaluated]] = {}
    for row in mine:
        groups.setdefault((row.task, row.split, row.scoring, row.model), []).append(row)
    out = []
    for group in groups.values():
        by_metric = {row.metric: row for row in group}
        name = metric or _own_metric(group[0].task, list(by_metric))
        if name in by_metric:
            out.append(by_metric[name])
    return out


def _own_metric(task: str, known: Sequence[str]) -> str:
    found = _task(task)
    if found is not None and found.metric in known:
        return str(found.metric)
    return next((name for name in ("accuracy", "entity-f1") if name in known), known[0])


def _task(variant: str) -> Task | None:
    """The task of a variant's name; None for a user's own."""
    name = variant.split("-no-")[0]
    return find_task(name) if name in TASKS else None


def _chance(variant: str) -> float | None:
    """What a guess among the labels scores; None where guessing means nothing."""
    task = _task(variant)
    if task is None:
        return None
    if task.kind == "multiple-choice":
        return 0.5
    # Of words, a guess says little: most of them are no name, or a noun.
    return 1 / len(task.labels) if task.kind == "sequence-classification" and task.labels else None


def _items(name: str) -> tuple[int, ...]:
    """Test items of each of the paper's targets; none for tasks that are scored by word, or of unknown size."""
    task = _task(name)
    if task is None or task.kind == "token-classification":
        return ()
    sizes = [task.expected_rows(task.evaluation, target) for target in task.targets]
    return tuple(size for size in sizes if size) if all(sizes) else ()


def _no_runs(
    every: Sequence[Evaluated],
    source: str,
    origin: str,
    tasks: Sequence[str],
    models: Sequence[str],
    metric: str | None,
    examples: int | None,
    where: Mapping[str, str] | None,
) -> MissingFactsError:
    """What there is, and the command that would make what was asked for."""
    asked = [*(f"of {name}" for name in tasks), *(f"with {name}" for name in models)]
    asked += [f"by {metric}"] if metric else []
    asked += [f"of {examples:,} examples"] if examples is not None else []
    asked += [f"with {name}={value}" for name, value in (where or {}).items()]
    there = sorted({(row.task, row.model, row.metric) for row in every if row.origin == origin})
    whose = "own runs" if origin == "own" else "shipped runs"
    said = f"There are no {whose}{' ' + ' '.join(asked) if asked else ''}."
    if there:
        listed = "; ".join(f"{task} with {model} ({metric})" for task, model, metric in there[:8])
        said += f" There are: {listed}."
    task, model = (tasks or ["cldr"])[0], (models or ["e5-small"])[0]
    budget = f" --examples {examples}" if examples is not None else ""
    if origin == "own":
        said += f" `mslt train --task {task} --model {model} --all-combinations -k 3{budget}` makes them"
        said += "; `--source published` shows the paper's." if source == "runs" else "."
    return MissingFactsError(said)


class _Chooser:
    """Asks `select` what each criterion makes of a grid's pool; the same question once."""

    def __init__(self, store: Store, code: Mapping[str, str], k: int) -> None:
        self.store, self.code, self.k = store, code, k
        self.known: dict[tuple[object, ...], list[Choice]] = {}

    def choose(self, grid: Grid, pool: Sequence[str], include: Sequence[str]) -> list[Choice]:
        """What all criteria make of the combinations of a pool; see `Material.choose`."""
        trained_for = next(iter(grid.trained.values())).runs[0].task
        key = (grid.about.model, trained_for, tuple(pool), tuple(include))
        if key not in self.known:
            asked = [row.name for row in CRITERIA.values() if row.reads != "nothing"]
            self.known[key] = [self._one(name, grid.about.model, trained_for, pool, include) for name in asked]
        return self.known[key]

    def _one(self, name: str, model: str, task: str, pool: Sequence[str], include: Sequence[str]) -> Choice:
        total = comb(len(pool) - len(include), self.k - len(include)) if len(pool) >= self.k >= len(include) else 0
        if not 0 < total <= MOST_CHOSEN_FROM:
            return no_choice(name, f"{name}: the pool has {total:,} combinations, which are not ranked here.")
        back = {self.code.get(iso, iso): iso for iso in pool}
        reads = CRITERIA[name].reads
        options: dict[str, str] = {"model": model} if reads in ("sizes", "vocabulary", "embeddings") else {}
        options |= {"task": task} if reads == "vocabulary" else {}
        try:
            found = select(
                *(self.store, list(back), self.k),
                by=[name],
                include=[self.code.get(iso, iso) for iso in include],
                top=total,
                **options,  # type: ignore[arg-type]
            )
        except MsltError as error:
            return no_choice(name, f"{name} is left out: {error}")
        values = {tuple(sorted(back[x] for x in row.languages)): row.scores[name] for row in found.results}
        if len(values) < total:
            lost = sorted(set(back) - {x for row in found.results for x in row.languages})
            return no_choice(name, f"{name} is left out: it knows nothing of {', '.join(lost)}.")
        highest, lowest = max(values.values()), min(values.values())
        ends = [[x for x in values if abs(values[x] - end) <= TIE] for end in (highest, lowest)]
        most, least = (min(some, key=lambda x: sorted(self.code.get(i, i) for i in x)) for some in ends)
        tied = (len(ends[0]), len(ends[1]))
        return Choice(name, most, least, tied, values, CRITERIA[name].unit, found.evidence[0].provenance)


def no_choice(criterion: str, problem: str) -> Choice:
    """What stands where a criterion has nothing to go by."""
    return Choice(criterion, (), (), (0, 0), {}, "", "", problem)
