"""What the views of a report are made from: published cells, grids of runs, probes, and what the criteria choose."""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Literal

import numpy as np

from mslt_cli.errors import MissingFactsError, UnknownNameError
from mslt_cli.foretelling.model import ScoreModel, fit
from mslt_cli.foretelling.observations import Observations
from mslt_cli.inference.distributions import NORMAL
from mslt_cli.reports.cells import Cell, Column, ReportTable, percent, plural
from mslt_cli.reports.criteria_choices import Choice, ChoiceSetting, choose
from mslt_cli.reports.gathering import Request, make_grid, name_grids
from mslt_cli.reports.grid import Grid, Group
from mslt_cli.reports.task_facts import guess_accuracy, paper_test_items
from mslt_cli.results.comparable import find_comparable
from mslt_cli.results.evaluations import find_evaluations, known_task
from mslt_cli.results.observations import observe
from mslt_cli.results.trained import name_range, name_seeds
from mslt_cli.store import languages as facts
from mslt_cli.store.db import Store
from mslt_cli.store.measured import StoredProbe, read_probes
from mslt_cli.store.results import Published, balanced_tasks, inconsistencies, published_cells
from mslt_cli.store.row_answers import Items, stored_items
from mslt_cli.store.runs import StoredEvaluation, StoredRun, StoredScore, find_runs, stored_scores
from mslt_cli.tasks import TASKS

MOST_LISTED = 8
"""Evaluations that an error lists."""
Sizes = Literal["k", "k and 1", "all", "none"]
"""Of which combinations a view takes the runs: others may differ in budget and recipe."""


class Material:
    """All that views take. It alone asks the store, and asks the same once.

    `evaluations` are all that there are. Raises UnknownNameError for a task that has no results and is none of ours.
    """

    def __init__(self, store: Store, request: Request, evaluations: Sequence[StoredEvaluation]) -> None:
        self.store, self.request = store, request
        languages = facts.pool(store, "all")
        self.code = {row.iso639_3: row.iso639_1 or row.iso639_3 for row in languages}
        """ISO 639-3 → how the user reads it."""
        self.script = {row.iso639_3: row.script for row in languages}
        """ISO 639-3 → ISO 15924."""
        self.name = {row.iso639_3: row.name for row in languages}
        """ISO 639-3 → in English."""
        self.available = [row for row in evaluations if row.origin == request.origin]
        printed = published_cells(store)
        with_results = {row.task for row in printed} | {row.task for row in self.available}
        for name in request.tasks:
            if name not in with_results and (request.origin is None or name not in TASKS):
                raise UnknownNameError("task with results", name, sorted(with_results))
        shown = printed if request.source in ("published", "both") else []
        self.published = [row for row in shown if not request.tasks or row.task in request.tasks]
        self.evaluations = self._evaluations(request.metric)
        self.grids: list[Grid] = []
        """Those that the view at hand shows; see `take_grids`."""
        self._grids: dict[Sizes, list[Grid]] = {"none": []}
        self._choices: dict[ChoiceSetting, list[Choice]] = {}
        self._models: dict[tuple[StoredEvaluation, frozenset[str]], ScoreModel] = {}

    def _evaluations(self, metric: str | None) -> list[StoredEvaluation]:
        """The evaluations that are asked for, one metric each: this one, or each task's own."""
        request = self.request
        return find_evaluations(self.available, tasks=request.tasks, models=request.models, metric=metric)

    @cached_property
    def runs(self) -> list[StoredRun]:
        """All of the origin that is asked for, the newest first."""
        return find_runs(self.store, origin=self.request.origin) if self.evaluations else []

    @cached_property
    def _scores(self) -> list[list[StoredScore]]:
        """Of each evaluation."""
        return [
            stored_scores(
                self.store, task=row.task, split=row.split, scoring=row.scoring, metric=row.metric, origin=row.origin
            )
            for row in self.evaluations
        ]

    @cached_property
    def _items(self) -> Items:
        return stored_items(self.store)

    def take_grids(self, which: Sizes) -> None:
        """Show the grids of the combinations of some sizes; raises as `make_grid`."""
        if which not in self._grids:
            k = self.request.k
            sizes = {"k": (0, k), "k and 1": (0, 1, k)}.get(which)  # 0: the model as it is
            runs = [run for run in self.runs if sizes is None or len(run.sources) in sizes]
            grids = [
                make_grid(about, name, runs, scores, self.request, self.code, self._items)
                for (about, name), scores in zip(name_grids(self.evaluations).items(), self._scores, strict=True)
            ]
            self._grids[which] = [grid for grid in grids if grid is not None]
        self.grids = self._grids[which]

    def choices(self, grid: Grid, include: Sequence[str]) -> list[Choice]:
        """What all criteria choose out of the combinations that hold `include` (ISO 639-3)."""
        k = self.request.k
        pool = self.request.pool or grid.pool(k)[0]
        setting = ChoiceSetting(k, pool, tuple(include), grid.about.model, grid.task, grid.targets)
        if setting not in self._choices:
            self._choices[setting] = choose(self.store, setting, self.code)
        return self._choices[setting]

    def score_model(self, grid: Grid, languages: Iterable[str] = ()) -> ScoreModel:
        """The model of all runs of an evaluation, of any size; it knows these languages (ISO 639-3) as well.

        Raises as `find_comparable`, `observe` and `fit`.
        """
        plain = (grid.about, frozenset[str]())
        if plain not in self._models:
            self._models[plain] = fit(self.observe_runs(grid, self.runs))
        further = frozenset(languages).difference(self._models[plain].observations.languages)
        if (grid.about, further) not in self._models:
            self._models[grid.about, further] = fit(self.observe_runs(grid, self.runs, further))
        return self._models[grid.about, further]

    def observe_runs(self, grid: Grid, runs: Sequence[StoredRun], languages: Iterable[str] = ()) -> Observations:
        """Some of the runs, as far as they are of a grid's evaluation, as arrays; raises likewise."""
        about, request, scores = grid.about, self.request, self._scores[self.evaluations.index(grid.about)]
        found = find_comparable(
            about,
            grid.label,
            runs,
            scores,
            self.code,
            examples=request.examples,
            where=request.where,
            mix_budgets=request.mix_budgets,
        )
        return observe(self.store, about, grid.label, found, (*request.pool, *languages)).observations

    def scores_of(self, grid: Grid) -> dict[tuple[str, str], StoredScore]:
        """The scores of a grid's evaluation by run and target."""
        scores = self._scores[self.evaluations.index(grid.about)]
        return {(score.run_id, score.target): score for score in scores}

    def probes(self) -> list[StoredProbe]:
        """Those of the models that are asked for, over all languages of a corpus together."""
        rows = read_probes(self.store) if self.request.origin else []
        return [row for row in rows if not row.a and (not self.request.models or row.model in self.request.models)]

    def groups(self, table: ReportTable, include: Sequence[str] = ()) -> Iterator[Group]:
        """The combinations of each grid that a view of one size is about; of a grid without any, the table notes it."""
        include = include or self.request.include
        for grid in self.grids:
            group = grid.group(self.request.k, self.request.pool, include)
            if group.trained:
                yield group
            else:
                table.notes.append(self.nothing_trained(grid, include))

    def printed(self, number: int) -> list[Published]:
        """The cells of a table of the paper; none where what is asked for is not what the paper prints."""
        asked = self.request.is_printed(with_english=number == 2)
        return [row for row in self.published if row.paper_table == number] if asked else []

    def nothing_trained(self, grid: Grid, include: Sequence[str]) -> str:
        """That a grid has no combinations of the size that is asked for, and the command that trains them."""
        k, pool = self.request.k, self.request.pool
        held = f" with {grid.named(include)}" if include else ""
        out_of = f" out of {grid.named(pool)}" if pool else ""
        note = f"{grid.label}: no combination of {k}{held}{out_of} was trained."
        return note if held or out_of else f"{note} {self.how_to_train(grid, k)}"

    def how_to_train(self, grid: Grid, k: int) -> str:
        """The command that trains all combinations of k."""
        pool = grid.named(self.request.pool or grid.pool(k)[0])
        return f"`{grid.command({'--pool': pool, '-k': str(k)})} --all-combinations` trains them."

    def grid_notes(self, grid: Grid, *, sizes: Sequence[int] = (), include: Sequence[str] = ()) -> list[str]:
        """Completeness of a grid, what its test data can show, and what chance scores.

        It is about combinations of these sizes that hold these languages (ISO 639-3); default: as is asked for.
        """
        about, include = grid.about, include or self.request.include
        counts = "; ".join(self._count_trained(grid, k, include) for k in sizes or (self.request.k,))
        draws = [draw for trained in grid.trained.values() for draw in trained.scores]
        budget = " and ".join(f"{n:,}" for n in sorted({n for *_, n in draws}))
        whose = "own runs" if about.origin == "own" else "shipped with mslt"
        targets = ", ".join(self.code.get(target, target) for target in grid.targets)
        return [
            f"{grid.label} ({whose}): {about.metric} on {about.split}, %, mean over {targets}; {budget} examples; "
            f"seeds {name_seeds(draws)}; {counts}.",
            f"{self._detectable(grid, sizes or (self.request.k,))} {grid.chance.describe()}".rstrip(),
            *(f"{grid.label}: {note}." for note in grid.notes),
        ]

    def _detectable(self, grid: Grid, sizes: Sequence[int]) -> str:
        """What the runs can show: the least difference of two combinations that is seen."""
        rows = f"{grid.rows} items × {len(grid.targets)} languages"
        k = self.request.k if self.request.k in sizes else max(sizes)
        group = grid.group(k, self.request.pool)
        if not (group.trained and group.design.knows_noise):
            return f"With {rows} and no combination of {k} with two seeds, which differences can be seen is not known."
        points = 100 * group.design.detectable_difference()
        seeds = plural(int(np.median(group.design.seeds)), "seed")
        return (
            f"With {rows} and {seeds} each, differences of two combinations of {k} under {points:.1f} points can't be "
            f"seen: {group.samples}."
        )

    def _count_trained(self, grid: Grid, k: int, include: Sequence[str]) -> str:
        """ "12 of 35 combinations of 3 trained: ranks are provisional"."""
        include = include if len(include) <= k else ()  # fig4 has smaller ones as well
        pool, is_known = (self.request.pool, True) if self.request.pool else grid.pool(k)
        trained = len(grid.group(k, self.request.pool, include).trained)
        held = f" with {grid.named(include)}" if include else ""
        if not is_known:
            return f"{plural(trained, 'combination')} of {k}{held} trained (the pool is not known: --pool)"
        free = len(pool) - len(include)
        total = math.comb(free, k - len(include)) if free >= 0 else 0
        provisional = "" if trained >= total else ": ranks are provisional"
        return f"{trained} of {total} combinations of {k}{held} trained{provisional}"

    def paper_notes(self, tasks: Iterable[str]) -> list[str]:
        """What the paper's test data can show at the scores that it prints, and the score of a guess."""
        notes = []
        for task in tasks:
            parts = []
            rows = [row for row in self.published if row.task == task and row.paper_table == 1]
            scores = [row.score_percent for row in rows if row.score_percent is not None]
            if scores and (items := paper_test_items(task)):
                share = float(np.mean(scores)) / 100
                # So many standard errors of the difference of two means over targets, each of items of its own.
                variance = sum(share * (1 - share) / n for n in items) / len(items) ** 2
                points = 100 * NORMAL[95] * math.sqrt(2 * variance)
                parts.append(
                    f"with {name_range(items)} items × {len(items)} languages, differences under {points:.1f} points "
                    "can't be seen, and larger ones too where languages share items or seeds make a difference"
                )
            if (guess := guess_accuracy(known_task(task))) is not None:
                as_well = ", as does the most frequent answer" if task in balanced_tasks() else ""
                parts.append(f"a guess scores {percent(guess)}{as_well}")
            if parts:
                notes.append(f"{task} (paper): {'; '.join(parts)}.")
        return notes

    def without_metric(self) -> list[str]:
        """What is asked for and lacks the metric: "xnli with e5-small"."""
        asked = self._evaluations(None) if self.request.metric else []
        lacking = {(row.task, row.model) for row in asked}.difference((row.task, row.model) for row in self.evaluations)
        return sorted(f"{task} with {model}" for task, model in lacking)

    def missing_runs(self) -> MissingFactsError:
        """What there is instead of the runs that are asked for, and the command that would make these."""
        request = self.request
        models = {about.model for about in self.evaluations}
        sizes = sorted({len(run.sources) for run in self.runs if run.sources and run.model in models})
        whose = "own runs" if request.origin == "own" else "shipped runs"
        if sizes and request.k not in sizes:
            message = f"There are no {whose} of combinations of {request.k}: there are of {', '.join(map(str, sizes))}."
        else:
            asked = [f"of {name}" for name in request.tasks] + [f"with {name}" for name in request.models]
            asked += [f"by {request.metric}"] if request.metric else []
            asked += [f"of {request.examples:,} examples"] if request.examples is not None else []
            asked += [f"with {name}={value}" for name, value in request.where.items()]
            message = f"There are no {' '.join([whose, *asked])}."
            there = sorted({f"{row.task} with {row.model} ({row.metric})" for row in self.available})[:MOST_LISTED]
            message += f" There are: {'; '.join(there)}." if there else ""
        if request.origin == "own":
            task, model = (*request.tasks, "cldr")[0], (*request.models, "e5-small")[0]
            budget = f" --examples {request.examples}" if request.examples is not None else ""
            message += (
                f" `mslt train --task {task} --model {model} --all-combinations -k {request.k}{budget}` makes them; "
                "`--source published` shows the paper's, `--source shipped` runs that come with mslt."
            )
        return MissingFactsError(message)


def printed_column(table: ReportTable, number: int, task: str) -> Column:
    """The column of a task in a table of the paper, with the footnotes on what does not fit together there."""
    marks = table.mark([i["text"] for i in inconsistencies() if number in i["tables"] and i["task"] in ("", task)])
    return Column(f"{task}.published", right=True, header=f"{task} (paper)", marks=marks)


def published_cell(row: Published) -> Cell:
    """A printed cell: "85.69 (3)", a rank alone, or languages."""
    if row.languages:
        languages = ",".join(row.languages)
        return Cell(languages, languages, "published", row.source)
    more = {} if row.rank is None else {"rank": row.rank, "out_of": row.out_of}
    if row.score_percent is None:
        return Cell(row.rank, str(row.rank), "published", row.source, more)
    rank = f" ({row.rank})" if row.rank is not None else ""
    return Cell(row.score_percent, f"{row.score_percent:.2f}{rank}", "published", row.source, more)
