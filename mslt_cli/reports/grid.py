"""A grid: what all trained combinations scored on the targets that they share, under one budget and one recipe."""

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.inference.crossed import CrossedDesign, Standing
from mslt_cli.inference.distributions import ALPHA
from mslt_cli.reports.cells import Cell, Column, Origin, percent
from mslt_cli.reports.task_facts import ChanceLevel, guess_accuracy, usual_sources
from mslt_cli.results.evaluations import known_task
from mslt_cli.results.tested_items import TestedItems
from mslt_cli.results.trained import Combination, Trained, draw_of, name_languages, name_seeds
from mslt_cli.search.best import competition_ranks
from mslt_cli.store.runs import StoredEvaluation

Floats = NDArray[np.float64]
MOST_RUNS_NAMED = 6
"""Runs whose ids a cell's source lists; of more it says how many."""


@dataclass(frozen=True)
class Grid:
    """All combinations, of all sizes, by size and languages; see `comparable.make_grid`."""

    about: StoredEvaluation
    label: str
    """For people: "cldr, e5-small"."""
    key: str
    """Its column in JSON and CSV: "cldr.e5-small.runs"."""
    targets: tuple[str, ...]
    """ISO 639-3 codes."""
    trained: Mapping[Combination, Trained]
    baseline: Trained | None
    """The model as it is, where it was evaluated on the same targets."""
    items: TestedItems
    rows: str
    """Test rows of a target: "400 to 1,000"."""
    majority: float | None
    """The share of the most frequent answer, mean over targets, 0..1; None = not known."""
    notes: list[str]
    code: Mapping[str, str]
    """ISO 639-3 → how the user reads it."""

    @property
    def task(self) -> str:
        """The one that was trained for, which may not be the one that was evaluated."""
        return next(iter(self.trained.values())).runs[0].task

    @property
    def column(self) -> Column:
        """Of its numbers."""
        return Column(self.key, right=True, header=self.label)

    @property
    def name_cell(self) -> Cell:
        """Its name, where it has lines of its own."""
        return Cell(self.key, self.label, self.origin)

    @property
    def origin(self) -> Origin:
        """Whose runs these are, as cells say it."""
        return "measured" if self.about.origin == "own" else "shipped"

    def named(self, languages: Iterable[str]) -> str:
        """ "ar,de,zh"."""
        return name_languages(languages, self.code)

    def group(self, k: int, pool: Sequence[str] = (), include: Sequence[str] = ()) -> "Group":
        """The combinations of k languages out of a pool (all, if none is given) that hold some languages."""
        chosen = {
            languages: trained
            for languages, trained in self.trained.items()
            if len(languages) == k and (not pool or set(languages) <= set(pool)) and set(include) <= set(languages)
        }
        return Group(self, chosen)

    def pool(self, k: int) -> tuple[tuple[str, ...], bool]:
        """The languages that combinations of k could have been made of, sorted; and whether these are known.

        Where all combinations of some were trained, these; else the task's sources, and any others that were trained
        on: two combinations of three do not make a pool of five. Of a user's own task the sources may not be known.
        """
        combinations = self.group(k).trained
        used, sources = set().union(*combinations), usual_sources(self.task)
        all_trained = len(used) > max(k, 2) and len(combinations) == math.comb(len(used), k)
        return tuple(sorted(used if all_trained else used.union(sources))), all_trained or bool(sources)

    def command(self, options: Mapping[str, str]) -> str:
        """The command of the newest run, with these options in place of its sources and seeds."""
        newest = max((run for one in self.trained.values() for run in one.runs), key=lambda run: run.finished_at)
        try:
            given = shlex.split(newest.command)
        except ValueError:  # a quote that does not end
            given = []
        given = given or ["mslt", "train", "--task", self.task, "--model", self.about.model]
        own = {i + j for i, word in enumerate(given) if word in ("--sources", "--seed", "--data-seed") for j in (0, 1)}
        kept = [word for i, word in enumerate(given) if i not in own]
        return shlex.join([*kept, *(word for pair in options.items() for word in pair)])

    @property
    def chance(self) -> ChanceLevel:
        """What a guess and the most frequent answer score, where the metric is accuracy."""
        guess = guess_accuracy(known_task(self.about.task))
        return ChanceLevel(guess, self.majority) if self.about.metric == "accuracy" else ChanceLevel(None, None)

    def describe(self, combinations: Iterable[Trained]) -> str:
        """Where a number comes from that was measured on these combinations."""
        runs = [run for trained in combinations for run in trained.runs]
        ids = ", ".join(run.run_id for run in runs)
        if len(runs) > MOST_RUNS_NAMED:
            ids = f"{len(runs)}, the newest {max(runs, key=lambda run: run.finished_at).run_id}"
        dates = sorted({run.finished_at[:10] for run in runs})
        when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
        versions = ", ".join(sorted({run.mslt_version for run in runs}))
        return (
            f"{self.about.metric} on {self.about.task} {self.about.split}, mean over {len(self.targets)} targets of "
            f"{self.rows} rows; runs {ids}; seeds {name_seeds(map(draw_of, runs))}; {when}; mslt {versions}"
        )

    def cell(self, trained: Trained, what: str, suffix: str = "") -> Cell:
        """The mean score of a combination, in percent; its text may end in a suffix."""
        text = percent(trained.mean) + suffix
        return Cell(100 * trained.mean, text, self.origin, f"{what}: {self.describe([trained])}")


class Contender(NamedTuple):
    """A combination beside the best one."""

    trained: Trained
    standing: Standing

    @property
    def tied(self) -> bool:
        """Whether it cannot be told from the best one; so is what could not be tested."""
        return not self.standing.p < ALPHA


@dataclass(frozen=True)
class Group:
    """Combinations of one grid that are ranked among themselves, and averaged over."""

    grid: Grid
    trained: Mapping[Combination, Trained]

    @cached_property
    def means(self) -> Floats:
        """Shape (n,), 0..1, in the order of `trained`."""
        return np.array([trained.mean for trained in self.trained.values()])

    @cached_property
    def mean(self) -> float:
        """Over the combinations: what a random one scores on average, 0..1."""
        return float(self.means.mean())

    def regret(self, percent: float) -> float:
        """By how many points a score, in percent, lies below the best mean; never −0."""
        return round(100 * float(self.means.max()) - percent, 9) + 0.0

    @cached_property
    def sd(self) -> float | None:
        """Standard deviation over the combinations, 0..1; None of one."""
        return float(self.means.std(ddof=1)) if len(self.means) > 1 else None

    @cached_property
    def ranks(self) -> dict[Combination, int]:
        """Competition ranks, from 1; the highest mean comes first."""
        ranks, _ = competition_ranks(self.means)
        return dict(zip(self.trained, map(int, ranks), strict=True))

    @cached_property
    def ranked(self) -> list[Trained]:
        """The best one first; those that tie in the order of their languages."""
        return sorted(self.trained.values(), key=lambda trained: (self.ranks[trained.languages], trained.languages))

    @cached_property
    def design(self) -> CrossedDesign:
        """The scores as one crossed design; other sizes of the grid may tell the noise of its runs."""
        others = {
            languages: one.scores for languages, one in self.grid.trained.items() if languages not in self.trained
        }
        scores = {trained.languages: trained.scores for trained in self.ranked}
        answers = self.grid.items.read({trained.languages: trained.right for trained in self.ranked})
        return CrossedDesign(scores, others, answers)

    @property
    def samples(self) -> str:
        """ "targets and seeds are taken as samples, the items as they are"."""
        return self.grid.items.describe_samples(self.design.items)

    @cached_property
    def contenders(self) -> list[Contender]:
        """The combinations, the best first, each beside the best of the others."""
        return list(map(Contender, self.ranked, self.design.standings()))

    def score_cell(self, trained: Trained) -> Cell:
        """A combination's mean and rank: "65.48 (3)"; one that stands alone has none to show."""
        rank, named = self.ranks[trained.languages], self.grid.named(trained.languages)
        cell = self.grid.cell(trained, named, f" ({rank})" if len(self.trained) > 1 else "")
        more = {"rank": rank, "out_of": len(self.trained), "languages": named}
        return replace(cell, value=round(cell.value, 10), more=more)

    def mean_cell(self, what: str) -> Cell:
        """The mean over combinations, with their standard deviation: "62.10 ±1.4"."""
        sd, n = None if self.sd is None else 100 * self.sd, len(self.trained)
        text = percent(self.mean) + ("" if sd is None else f" ±{sd:.1f}")
        source = f"{what}: {n} combinations; {self.grid.describe(self.trained.values())}"
        return Cell(round(100 * self.mean, 10), text, self.grid.origin, source, {"combinations": n, "sd": sd})

    def end_cells(self) -> dict[str, Cell]:
        """The lowest and the highest score of all combinations, and their mean: "min", "max", "random"."""
        return {
            "min": self.score_cell(self.ranked[-1]),
            "max": self.score_cell(self.ranked[0]),
            "random": self.mean_cell("the mean over all combinations: what a random one scores on average"),
        }
