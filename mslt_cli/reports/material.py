"""What the views of a report are made from: published cells, grids of runs, probes, and what the criteria choose."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mslt_cli.evaluation.metrics import Z
from mslt_cli.reports.cells import Draft, Head, percent
from mslt_cli.reports.choices import Choice
from mslt_cli.reports.comparable import Request
from mslt_cli.reports.grid import Grid, Group, name_languages, name_range, name_seeds
from mslt_cli.reports.statistics import detectable_difference
from mslt_cli.reports.task_facts import guess_accuracy, paper_test_items
from mslt_cli.store.probes import StoredProbe
from mslt_cli.store.results import Published

UNSEEN = "differences under {points:.1f} points can't be seen"


@dataclass(frozen=True)
class Material:
    """All that views take."""

    request: Request
    published: Sequence[Published]
    inconsistencies: Sequence[Mapping[str, Any]]
    """What does not fit together in the paper: tables, task (empty = all), text."""
    grids: Sequence[Grid]
    probes: Sequence[StoredProbe]
    choose: Callable[[Grid, Sequence[str]], Sequence[Choice]]
    """Takes a grid and what every combination holds (ISO 639-3); gives the choices of all criteria."""
    code: Mapping[str, str]
    """ISO 639-3 → how the user reads it."""
    script: Mapping[str, str]
    """ISO 639-3 → ISO 15924."""

    @property
    def commands(self) -> tuple[str, ...]:
        """The command lines that trained the grids' runs, each once."""
        runs = (run for grid in self.grids for trained in grid.trained.values() for run in trained.runs)
        return tuple(dict.fromkeys(run.command for run in runs if run.command))

    def named(self, languages: Sequence[str]) -> str:
        """ "ar,de,zh"."""
        return name_languages(languages, self.code)

    def printed(self, table: int) -> list[Published]:
        """The cells of a table of the paper; none where what is asked for is not what the paper prints."""
        asked = self.request.is_printed(with_english=table == 2)
        return [row for row in self.published if row.paper_table == table] if asked else []

    def footnotes(self, table: int, task: str) -> list[str]:
        """What does not fit together in a published table."""
        return [i["text"] for i in self.inconsistencies if table in i["tables"] and i["task"] in ("", task)]

    def printed_head(self, draft: Draft, table: int, task: str, *, right: bool = True) -> Head:
        """The column of a task in a table of the paper, with its footnotes."""
        marks = draft.mark(self.footnotes(table, task))
        return Head(f"{task}.published", f"{task} (paper)", right=right, marks=marks)

    def groups(self, draft: Draft, include: Sequence[str] = ()) -> Iterator[Group]:
        """The combinations of each grid that a view of one size is about; of a grid without any, the draft notes it."""
        include, k = include or self.request.include, self.request.k
        for grid in self.grids:
            group = grid.group(k, self.request.pool, include)
            if group.trained:
                yield group
            else:
                draft.notes.append(self.nothing_trained(grid, k, include))

    def nothing_trained(self, grid: Grid, k: int, include: Sequence[str]) -> str:
        """What to say of a grid without combinations of a size, and the command that trains them."""
        pool, about = self.request.pool, grid.about
        held = f" with {self.named(include)}" if include else ""
        out_of = f" out of {self.named(pool)}" if pool else ""
        note = f"{grid.label}: no combination of {k}{held}{out_of} was trained."
        if not pool and not include:
            note += f" `mslt train --task {about.task} --model {about.model} --all-combinations -k {k}` trains them."
        return note

    def grid_notes(self, grid: Grid, *, sizes: Sequence[int] = (), include: Sequence[str] = ()) -> list[str]:
        """What a reader has to know of a grid: completeness, chance, and what its test data can show.

        Args:
            grid: that the view shows.
            sizes: of the combinations that it shows; default: the one that is asked for.
            include: what each of them holds, ISO 639-3; default: what is asked for.
        """
        about = grid.about
        include = include or self.request.include
        counts = "; ".join(self._completeness(grid, k, include) for k in sizes or (self.request.k,))
        seeds = name_seeds(draw for trained in grid.trained.values() for draw in trained.draws)
        whose = "own runs" if about.origin == "own" else "shipped with mslt"
        targets = ", ".join(self.code.get(target, target) for target in grid.targets)
        budget = " and ".join(f"{n:,}" for n in grid.examples)
        chance = guess_of(grid)
        return [
            f"{grid.label} ({whose}): {about.metric} on {about.split}, %, mean over {targets}; {budget} examples; "
            f"seeds {seeds}; {counts}.",
            f"With {name_range(*grid.rows)} items × {len(grid.targets)} languages, "
            + UNSEEN.format(points=100 * grid.detectable())
            + ("" if chance is None else f"; a guess scores {percent(chance)}")
            + ".",
            *(f"{grid.label}: {note}." for note in grid.notes),
        ]

    def _completeness(self, grid: Grid, k: int, include: Sequence[str]) -> str:
        """ "12 of 35 combinations of 3 trained: ranks are provisional"."""
        include = include if len(include) <= k else ()  # fig4 has smaller ones as well
        pool = self.request.pool or grid.pool(k)
        trained = len(grid.group(k, self.request.pool, include).trained)
        total = math.comb(len(pool) - len(include), k - len(include)) if len(pool) >= k else 0
        held = f" with {self.named(include)}" if include else ""
        provisional = "" if trained >= total else ": ranks are provisional"
        return f"{trained} of {total} combinations of {k}{held} trained{provisional}"

    def paper_notes(self, tasks: Sequence[str]) -> list[str]:
        """What the paper's test data can show at the scores that it prints, and what a guess would score."""
        notes = []
        for task in tasks:
            rows = [row for row in self.published if row.task == task and row.paper_table == 1]
            scores = [row.score_percent for row in rows if row.score_percent is not None]
            parts = []
            if scores and (items := paper_test_items(task)):
                share = float(np.mean(scores)) / 100
                halves = [Z * math.sqrt(share * (1 - share) / n) for n in items]
                unseen = UNSEEN.format(points=100 * detectable_difference(halves))
                parts.append(f"with {name_range(min(items), max(items))} items × {len(items)} languages, {unseen}")
            if (chance := guess_accuracy(task)) is not None:
                parts.append(f"a guess scores {percent(chance)}")
            if parts:
                notes.append(f"{task} (paper): {'; '.join(parts)}.")
        return notes


def guess_of(grid: Grid) -> float | None:
    """What a guess scores in a grid, 0..1; None where its metric is not accuracy, or guessing means nothing."""
    return guess_accuracy(grid.about.task) if grid.about.metric == "accuracy" else None
