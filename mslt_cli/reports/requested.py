"""The stored results that a report is made of, and what is said where there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mslt_cli.errors import MissingFactsError, UnknownNameError
from mslt_cli.reports.comparable import Request, make_grid
from mslt_cli.reports.grid import Grid, name_grids
from mslt_cli.reports.task_facts import own_metric
from mslt_cli.store.db import Store
from mslt_cli.store.results import published_cells
from mslt_cli.store.runs import StoredEvaluation, StoredScore, find_runs, stored_scores
from mslt_cli.tasks import TASKS

MOST_LISTED = 8
"""Evaluations that an error lists."""


class RequestedResults:
    """The published cells and the grids that are asked for. What is read from the store is read once.

    Args:
        store: filled, with what ships in db/.
        request: of the report.
        evaluations: all that the store has scores of.
        code: ISO 639-3 → how the user reads it.

    Raises:
        UnknownNameError: a task that has no results and is none of ours.
    """

    def __init__(
        self, store: Store, request: Request, evaluations: Sequence[StoredEvaluation], code: Mapping[str, str]
    ) -> None:
        self.store, self.request, self.code = store, request, code
        self.available = [row for row in evaluations if row.origin == request.origin]
        printed = published_cells(store)
        self._require_tasks({row.task for row in printed})
        shown = printed if request.source in ("published", "both") else []
        self.published = [row for row in shown if not request.tasks or row.task in request.tasks]
        self.evaluations = self._evaluations(request.metric)
        self.names = name_grids(self.evaluations)
        self.runs = find_runs(store) if self.evaluations else []
        self.scores: dict[StoredEvaluation, list[StoredScore]] = {}
        self.made: dict[tuple[int, ...] | None, list[Grid]] = {}

    def _require_tasks(self, of_paper: set[str]) -> None:
        published = self.request.source == "published"
        tasks = of_paper if published else of_paper | {row.task for row in self.available}
        for name in self.request.tasks:
            if name not in tasks and (published or name not in TASKS):
                raise UnknownNameError("task with results", name, sorted(tasks))

    def _evaluations(self, metric: str | None) -> list[StoredEvaluation]:
        """The evaluations that are asked for, one metric each: this one, or each task's own."""
        tasks, models = self.request.tasks, self.request.models
        groups: dict[tuple[str, str, str, str], dict[str, StoredEvaluation]] = {}
        for row in self.available:
            if (not tasks or row.task in tasks) and (not models or row.model in models):
                groups.setdefault((row.task, row.split, row.scoring, row.model), {})[row.metric] = row
        names = [metric or own_metric(task, list(group)) for (task, *_), group in groups.items()]
        return [group[name] for name, group in zip(names, groups.values(), strict=True) if name in group]

    def without_metric(self) -> list[str]:
        """What is asked for and lacks the metric: "xnli with e5-small"."""
        scored = {(row.task, row.model) for row in self.evaluations}
        rows = self._evaluations(None) if self.request.metric else []
        return sorted({f"{row.task} with {row.model}" for row in rows if (row.task, row.model) not in scored})

    def grids(self, sizes: tuple[int, ...] | None) -> list[Grid]:
        """The grids of the combinations of some sizes; None = of all.

        Raises:
            UsageError: their runs differ in budget or recipe.
            DataError: they have no target in common.
        """
        if sizes not in self.made:
            runs = [run for run in self.runs if sizes is None or not run.sources or len(run.sources) in sizes]
            grids = [
                make_grid(about, self.names[about], runs, self._scores(about), self.request, self.code)
                for about in self.evaluations
            ]
            self.made[sizes] = [grid for grid in grids if grid is not None]
        return self.made[sizes]

    def _scores(self, about: StoredEvaluation) -> list[StoredScore]:
        if about not in self.scores:
            self.scores[about] = stored_scores(
                self.store, task=about.task, split=about.split, scoring=about.scoring, metric=about.metric
            )
        return self.scores[about]

    def missing_runs(self) -> MissingFactsError:
        """What there is instead of the runs that are asked for, and the command that would make these."""
        request = self.request
        models = {about.model for about in self.evaluations}
        mine = [run for run in self.runs if run.origin == request.origin and run.model in models]
        sizes = sorted({len(run.sources) for run in mine if run.sources})
        whose = "own runs" if request.origin == "own" else "shipped runs"
        asked = [*(f"of {name}" for name in request.tasks), *(f"with {name}" for name in request.models)]
        asked += [f"by {request.metric}"] if request.metric else []
        asked += [f"of {request.examples:,} examples"] if request.examples is not None else []
        asked += [f"with {name}={value}" for name, value in request.where.items()]
        message = f"There are no {' '.join([whose, *asked])}."
        if sizes and request.k not in sizes:
            message = f"There are no {whose} of combinations of {request.k}: there are of {', '.join(map(str, sizes))}."
        elif self.available:
            there = sorted({(row.task, row.model, row.metric) for row in self.available})[:MOST_LISTED]
            message += f" There are: {'; '.join(f'{task} with {model} ({metric})' for task, model, metric in there)}."
        if request.origin == "own":
            task, model = (*request.tasks, "cldr")[0], (*request.models, "e5-small")[0]
            budget = f" --examples {request.examples}" if request.examples is not None else ""
            message += (
                f" `mslt train --task {task} --model {model} --all-combinations -k {request.k}{budget}` makes them; "
                "`--source published` shows the paper's, `--source shipped` runs that come with mslt."
            )
        return MissingFactsError(message)
