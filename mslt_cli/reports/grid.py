"""A grid: what all trained combinations scored on the targets that they share, under one budget and one recipe."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.reports.cells import Origin
from mslt_cli.reports.statistics import Estimate, detectable_difference, paired_difference, tied_for_best
from mslt_cli.reports.task_facts import guess_accuracy, usual_sources
from mslt_cli.search.competition import competition_ranks
from mslt_cli.store.runs import StoredEvaluation, StoredRun

Floats = NDArray[np.float64]
Combination = tuple[str, ...]
"""ISO 639-3 codes, sorted."""
Draw = tuple[int, int, int]
"""Seed, seed of the sample, and budget: what runs of one combination differ in, and pairs runs of two."""


@dataclass(frozen=True)
class Trained:
    """A combination with all its seeds; without languages, the model as it is."""

    languages: Combination
    runs: tuple[StoredRun, ...]
    scores: Mapping[Draw, Floats]
    """By what was drawn, shape (T,), 0..1, in the order of the grid's targets."""
    half_widths: Floats
    """Of the 95 % intervals of the first run's scores, shape (T,)."""

    @cached_property
    def mean(self) -> float:
        """Over targets, then over seeds; 0..1."""
        return float(np.mean([row.mean() for row in self.scores.values()]))

    @property
    def draws(self) -> tuple[Draw, ...]:
        """Sorted."""
        return tuple(sorted(self.scores))


class GridName(NamedTuple):
    """What tells a grid from the others of a report."""

    label: str
    """For people: "cldr, e5-small", with the split where there are several."""
    key: str
    """Its column in JSON and CSV: "cldr.e5-small.runs"; whatever else is needed for no two to be the same."""


def name_grids(evaluations: Sequence[StoredEvaluation]) -> dict[StoredEvaluation, GridName]:
    """A name for each evaluation of a report (all of one metric), no two alike.

    A split is named where one task is evaluated on several with one model; a model by the end of its path, unless
    two end alike.
    """
    splits = Counter((about.task, about.scoring, about.model) for about in evaluations)
    last_parts = Counter(_last_part(model) for model in {about.model for about in evaluations})
    names = {}
    for about in evaluations:
        split = about.split if splits[about.task, about.scoring, about.model] > 1 else ""
        model = _last_part(about.model) if last_parts[_last_part(about.model)] == 1 else about.model
        scoring = f"({about.scoring})" if about.scoring else ""
        whose = "runs" if about.origin == "own" else about.origin
        names[about] = GridName(
            label=f"{' '.join(filter(None, (about.task, split, scoring)))}, {about.model}",
            key=".".join(filter(None, (about.task, split, about.scoring, model, whose))),
        )
    return names


def _last_part(model: str) -> str:
    return model.rstrip("/").rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Grid:
    """All combinations, of all sizes, by size and languages; see `comparable.make_grid`."""

    about: StoredEvaluation
    name: GridName
    examples: tuple[int, ...]
    """The budget; more than one where they were mixed on purpose."""
    targets: tuple[str, ...]
    """ISO 639-3 codes."""
    trained: Mapping[Combination, Trained]
    baseline: Trained | None
    """The model as it is, where it was evaluated on the same targets."""
    rows: tuple[int, int]
    """Test rows of a target: fewest, most."""
    notes: tuple[str, ...]
    code: Mapping[str, str]
    """ISO 639-3 → how the user reads it."""

    @property
    def label(self) -> str:
        return self.name.label

    @property
    def task(self) -> str:
        """The one that was trained for, which may not be the one that was evaluated."""
        return next(iter(self.trained.values())).runs[0].task

    def named(self, languages: Iterable[str]) -> str:
        """ "ar,de,zh"."""
        return name_languages(languages, self.code)

    @property
    def origin(self) -> Origin:
        """Whose runs these are, as cells say it."""
        return "measured" if self.about.origin == "own" else "shipped"

    def group(self, k: int, pool: Sequence[str] = (), include: Sequence[str] = ()) -> Group:
        """The combinations of k languages out of a pool (all, if none is given) that hold some languages."""
        chosen = (
            trained
            for languages, trained in self.trained.items()
            if len(languages) == k and (not pool or set(languages) <= set(pool)) and set(include) <= set(languages)
        )
        return Group(self, tuple(chosen))

    def pool(self, k: int) -> tuple[str, ...]:
        """The languages that combinations of k could have been made of, sorted.

        They are those of the task's pool, with any others that were trained on: two combinations of three do not make
        a pool of five. Where all combinations of some languages were trained, those languages were the pool.
        """
        combinations = [languages for languages in self.trained if len(languages) == k]
        used = {language for languages in combinations for language in languages}
        all_trained = len(used) > max(k, 2) and len(combinations) == math.comb(len(used), k)
        return tuple(sorted(used if all_trained else used.union(usual_sources(self.task))))

    def guess(self) -> float | None:
        """What a guess scores, 0..1; None where the metric is not accuracy, or guessing means nothing."""
        return guess_accuracy(self.about.task) if self.about.metric == "accuracy" else None

    def detectable(self) -> float:
        """See `statistics.detectable_difference`; the median over combinations, 0..1."""
        return float(np.median([detectable_difference(trained.half_widths) for trained in self.trained.values()]))


@dataclass(frozen=True)
class Group:
    """Combinations of one grid that are ranked among themselves, and averaged over."""

    grid: Grid
    trained: tuple[Trained, ...]

    @cached_property
    def by_languages(self) -> dict[Combination, Trained]:
        return {trained.languages: trained for trained in self.trained}

    @cached_property
    def means(self) -> Floats:
        """Shape (n,), 0..1, in the order of `trained`."""
        return np.array([trained.mean for trained in self.trained])

    @cached_property
    def mean(self) -> float:
        """Over the combinations: what a random one scores on average, 0..1."""
        return float(self.means.mean())

    @cached_property
    def sd(self) -> float | None:
        """Standard deviation over the combinations, 0..1; None of one."""
        return float(self.means.std(ddof=1)) if len(self.means) > 1 else None

    @cached_property
    def ranks(self) -> dict[Combination, int]:
        """Competition ranks, from 1; the highest mean comes first."""
        ranks, _ = competition_ranks(self.means)
        return {trained.languages: int(rank) for trained, rank in zip(self.trained, ranks, strict=True)}

    @cached_property
    def ranked(self) -> list[Trained]:
        """The best one first; those that tie in the order of their languages."""
        return sorted(self.trained, key=lambda trained: (self.ranks[trained.languages], trained.languages))


class Contender(NamedTuple):
    """A combination beside the best one."""

    trained: Trained
    behind: Estimate
    """The best one less this one."""
    p_holm: float
    """Of this difference, corrected for the number of combinations; nan of the best one."""
    tied: bool
    """Whether it cannot be told from the best one."""


def compare_with_best(group: Group, *, intervals: bool = True) -> list[Contender]:
    """The combinations, the best first, each with a test against the best one, paired over targets and seeds."""
    best = group.ranked[0]
    behind = [paired_difference(best.scores, trained.scores, interval=intervals) for trained in group.ranked]
    corrected, tied = tied_for_best(behind[1:])
    return list(map(Contender, group.ranked, behind, [math.nan, *corrected], [True, *tied]))


def draw_of(run: StoredRun) -> Draw:
    """What was drawn for a run."""
    return run.seed or 0, int(run.identity.get("data_seed") or 0), run.examples or 0


def name_seeds(draws: Iterable[Draw]) -> str:
    """ "0, 1, 2", with the seed of the sample where it is another: "0, 0 (data 7)"."""
    pairs = sorted({(seed, data) for seed, data, _ in draws})
    return ", ".join(str(seed) if data == seed else f"{seed} (data {data})" for seed, data in pairs)


def name_languages(languages: Iterable[str], code: Mapping[str, str]) -> str:
    """ "ar,de,zh": as the user reads them, sorted."""
    return ",".join(sorted(code.get(language, language) for language in languages))


def name_range(low: int, high: int) -> str:
    """ "400", or "400 to 1,000"."""
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
