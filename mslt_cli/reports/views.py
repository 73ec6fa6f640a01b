"""`report`: the paper's tables and figures, and what it lacks: of its numbers, of own runs, or side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import comb
from typing import Literal

from mslt_cli.criteria import CRITERIA
from mslt_cli.errors import MissingFactsError, MsltError, UnknownNameError, UsageError
from mslt_cli.reports import beyond, paper_figures, paper_tables
from mslt_cli.reports.cells import Head, Table
from mslt_cli.reports.grid import Grid, grid_names, make_grid
from mslt_cli.reports.material import Choice, Material
from mslt_cli.search.best import TIE
from mslt_cli.selection import select
from mslt_cli.store import languages as facts
from mslt_cli.store.db import Store
from mslt_cli.store.probes import read_probes
from mslt_cli.store.results import inconsistencies, published_cells
from mslt_cli.store.runs import StoredEvaluation, StoredRun, StoredScore, find_runs, stored_evaluations, stored_scores
from mslt_cli.tasks import TASKS, find_task
from mslt_cli.tasks.task import Task

MOST_CHOSEN_FROM = 20_000
"""Combinations that criteria are computed for; a pool with more is not a grid that anybody trained."""


@dataclass(frozen=True)
class View:
    """One row of VIEWS."""

    name: str
    summary: str
    make: Callable[[Material], Table | tuple[Table, ...]]
    published: bool = False
    """Whether the paper prints numbers for it."""
    sizes: Literal["k", "k and 1", "all", "none"] = "k"
    """Of which combinations it takes the runs: others may differ in budget and recipe."""


VIEWS: dict[str, View] = {
    row.name: row
    for row in (
        View("table1", "score and rank of each criterion's choice", paper_tables.table1, True),
        View("table2", "the same with a language in every combination", paper_tables.table2, True),
        View("table3", "the best combinations, and the languages in them", paper_tables.table3, True),
        View("table4", "score by number of writing systems", paper_tables.table4, True),
        View("table6", "most against least diverse", paper_tables.table6, True),
        View("fig3", "how mixed languages are, from `mslt probe`", paper_figures.fig3, sizes="none"),
        View("fig4", "score by number of source languages", paper_figures.fig4, sizes="all"),
        View("fig5", "best and worst combination against one source", paper_figures.fig5, True, sizes="k and 1"),
        View("fig6", "table6 as a figure", paper_tables.fig6, True),
        View("criteria", "rank correlation, regret and luck of each criterion", beyond.criteria),
        View("best", "which combinations can be told from the best", beyond.best),
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
    found = facts.all_languages(store)
    codes = {row.iso639_3: row.iso639_1 or row.iso639_3 for row in found}
    include, pool = (tuple(facts.resolver(store).resolve(x).iso639_3 for x in given) for given in (include, pool))
    if len(include) > k:
        raise UsageError(f"--include names {len(include)} languages, more than the {k} of -k.")
    every, printed = stored_evaluations(store), published_cells(store)
    source = source or ("both" if any(row.origin == "own" for row in every) else "published")
    if source not in SOURCES:
        raise UnknownNameError("source of results", source, SOURCES)
    origin = {"runs": "own", "both": "own", "shipped": "shipped"}.get(source)
    tasks = tuple(_variant(name) for name in tasks)
    wanted = _wanted(every, origin, tasks, models, metric) if origin else []
    published = [row for row in printed if source in ("published", "both") and (not tasks or row.task in tasks)]
    there = {row.task for row in every if row.origin == origin} | {row.task for row in printed}
    for name in tasks:
        if name not in there and (source == "published" or name not in TASKS):
            known = sorted({row.task for row in printed} if source == "published" else there)
            raise UnknownNameError("task with results", name, known)
    asked = _wanted(every, origin, tasks, models, None) if origin and metric else []
    have = {(row.task, row.model) for row in wanted}
    lacking = "; ".join(sorted({f"{x.task} with {x.model}" for x in asked if (x.task, x.model) not in have}))
    named = {row.task for row in published} | {about.task for about in wanted}
    chosen = _Chosen(examples, dict(where or {}), mix_budgets)
    grids = _Grids(store, wanted, chosen, codes)
    material = Material(
        published=published,
        inconsistencies=inconsistencies(),
        grids=[],
        probes=[row for row in read_probes(store) if not models or row.model in models] if origin else [],
        choose=_Chooser(store, codes, k).choose,
        code=codes,
        script={row.iso639_3: row.script for row in found if row.script},
        chance={task: chance for task in named if (chance := _chance(task)) is not None},
        items={task: items for task in {row.task for row in published} if (items := _items(task))},
        k=k,
        top=top,
        include=include,
        pool=pool,
    )
    tables: list[Table] = []
    errors: list[MsltError] = []
    for view in (VIEWS[name] for name in views):
        try:
            made = grids.of_sizes({"k": (k,), "k and 1": (1, k), "none": ()}.get(view.sizes))
            if origin and not made and view.sizes != "none" and not (view.published and published):
                raise _no_runs(every, origin, tasks, models, metric, chosen, k, grids.sizes(origin))
            table = view.make(replace(material, grids=made))
        except MsltError as error:
            if len(views) == 1:
                raise
            errors.append(error)
            tables.append(Table(view.name, view.summary, (Head("report", label=True),), (), (str(error),)))
            continue
        tables += table if isinstance(table, tuple) else (table,)
        if lacking and view.sizes != "none":
            tables[-1] = replace(tables[-1], notes=(*tables[-1].notes, f"Left out, for lack of {metric}: {lacking}."))
        if view.published and published and not made and (models or metric or examples or where):
            tables[-1] = replace(tables[-1], notes=(*tables[-1].notes, NO_SUCH_RUNS))
        if view.published and published and not material.asks_for_printed(view.name == "table2"):
            tables[-1] = replace(tables[-1], notes=(*tables[-1].notes, NOT_PRINTED))
    if len(errors) == len(views):
        raise errors[0]
    return [replace(table, notes=tuple(dict.fromkeys(table.notes))) for table in tables]  # of two grids, said once


NO_SUCH_RUNS = (
    "These are the paper's numbers alone: no runs of the model, metric, budget or setting that is asked for are shown."
)
NOT_PRINTED = "The paper prints this for combinations of 3 out of its 7 languages alone: its numbers are left out."


@dataclass(frozen=True)
class _Chosen:
    """Which runs are meant."""

    examples: int | None
    where: dict[str, str]
    mix_budgets: bool


class _Grids:
    """Makes the grids of the evaluations that are asked for; the same ones once."""

    def __init__(
        self, store: Store, wanted: Sequence[StoredEvaluation], chosen: _Chosen, code: Mapping[str, str]
    ) -> None:
        self.store, self.wanted, self.chosen, self.code = store, wanted, chosen, code
        self.known: dict[tuple[int, ...] | None, list[Grid]] = {}
        self.runs = find_runs(store) if wanted else []
        self.names = grid_names(wanted)
        known = {name: _task(name) for name in {run.task for run in self.runs}}
        self.pools = {name: task.sources for name, task in known.items() if task is not None}
        self.scores: dict[StoredEvaluation, list[StoredScore]] = {}

    def sizes(self, origin: str) -> list[int]:
        """How many sources the runs of what is asked for have."""
        models = {about.model for about in self.wanted}
        mine = [run for run in self.runs if run.origin == origin and run.model in models]
        return sorted({len(run.sources) for run in mine if run.sources})

    def of_sizes(self, sizes: tuple[int, ...] | None) -> list[Grid]:
        """Those of combinations of some sizes; None = of all.

        Raises:
            UsageError: their runs differ in budget or recipe.
            DataError: they have no target in common.
        """
        if sizes == ():
            return []
        if sizes not in self.known:
            runs = [run for run in self.runs if sizes is None or not run.sources or len(run.sources) in sizes]
            made = [self._one(about, runs) for about in self.wanted]
            self.known[sizes] = [grid for grid in made if grid is not None]
        return self.known[sizes]

    def _one(self, about: StoredEvaluation, runs: Sequence[StoredRun]) -> Grid | None:
        if about not in self.scores:
            which = {"task": about.task, "split": about.split, "scoring": about.scoring, "metric": about.metric}
            self.scores[about] = stored_scores(self.store, **which)
        chosen = self.chosen
        return make_grid(
            *(about, self.names[about], runs, self.scores[about]),
            examples=chosen.examples,
            where=chosen.where,
            mix_budgets=chosen.mix_budgets,
            code=self.code,
            pools=self.pools,
        )


def _variant(name: str) -> str:
    """A task as results name it; a user's own by its file."""
    return find_task(name).variant if name.endswith(".toml") else name


def _wanted(
    every: Sequence[StoredEvaluation], origin: str, tasks: Sequence[str], models: Sequence[str], metric: str | None
) -> list[StoredEvaluation]:
    """The evaluations that are asked for, one metric each."""
    mine = [row for row in every if row.origin == origin]
    mine = [row for row in mine if (not tasks or row.task in tasks) and (not models or row.model in models)]
    groups: dict[tuple[str, str, str, str], list[StoredEvaluation]] = {}
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
    every: Sequence[StoredEvaluation],
    origin: str,
    tasks: Sequence[str],
    models: Sequence[str],
    metric: str | None,
    chosen: _Chosen,
    k: int,
    sizes: Sequence[int],
) -> MissingFactsError:
    """What there is, and the command that would make what was asked for."""
    asked = [*(f"of {name}" for name in tasks), *(f"with {name}" for name in models)]
    asked += [f"by {metric}"] if metric else []
    asked += [f"of {chosen.examples:,} examples"] if chosen.examples is not None else []
    asked += [f"with {name}={value}" for name, value in chosen.where.items()]
    there = sorted({(row.task, row.model, row.metric) for row in every if row.origin == origin})
    whose = "own runs" if origin == "own" else "shipped runs"
    said = f"There are no {whose}{' ' + ' '.join(asked) if asked else ''}."
    if sizes and k not in sizes:
        said = f"There are no {whose} of combinations of {k}: there are of {', '.join(map(str, sizes))}."
    elif there:
        listed = "; ".join(f"{task} with {model} ({metric})" for task, model, metric in there[:8])
        said += f" There are: {listed}."
    task, model = (tasks or ["cldr"])[0], (models or ["e5-small"])[0]
    budget = f" --examples {chosen.examples}" if chosen.examples is not None else ""
    if origin == "own":
        said += f" `mslt train --task {task} --model {model} --all-combinations -k {k}{budget}` makes them"
        said += "; `--source published` shows the paper's, `--source shipped` runs that come with mslt."
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
        most, least = (tuple(sorted(some, key=lambda x: sorted(self.code.get(i, i) for i in x))) for some in ends)
        return Choice(name, most, least, values, found.evidence[0].provenance)


def no_choice(criterion: str, problem: str) -> Choice:
    """What stands where a criterion has nothing to go by."""
    return Choice(criterion, (), (), {}, "", problem)
