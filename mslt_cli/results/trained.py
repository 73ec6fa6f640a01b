"""Trained combinations with all their seeds, and how people read these."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mslt_cli.store.runs import StoredRun, StoredScore

Combination = tuple[str, ...]
"""ISO 639-3 codes, sorted."""
Draw = tuple[int, int, int]
"""Seed, seed of the sample, and budget: what runs of one combination differ in, and pairs runs of two."""


@dataclass(frozen=True)
class Trained:
    """A combination with all its seeds; without languages, the model as it is."""

    runs: tuple[StoredRun, ...]
    scores: Mapping[Draw, NDArray[np.float64]]
    """By what was drawn, sorted; shape (T,), 0..1, in the order of the grid's targets."""
    right: Mapping[Draw, Sequence[str | None]]
    """Likewise: which test rows are right, as the store keeps it, by target; None where it is not known."""

    @property
    def languages(self) -> Combination:
        return self.runs[0].sources

    @cached_property
    def mean(self) -> float:
        """Over targets, then over seeds; 0..1."""
        return float(np.mean([row.mean() for row in self.scores.values()]))


def gather_seeds(
    runs: Iterable[StoredRun], by_run: Mapping[str, Mapping[str, StoredScore]], targets: Sequence[str]
) -> Trained:
    """One run for each draw, the newest; runs come newest first."""
    newest = dict(sorted({draw_of(run): run for run in reversed(list(runs))}.items()))
    scores = {draw: [by_run[run.run_id][target] for target in targets] for draw, run in newest.items()}
    return Trained(
        runs=tuple(newest.values()),
        scores={draw: np.array([score.value for score in of_draw]) for draw, of_draw in scores.items()},
        right={draw: [score.right_rows for score in of_draw] for draw, of_draw in scores.items()},
    )


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


def name_range(numbers: Collection[int]) -> str:
    """ "400", or "400 to 1,000"."""
    low, high = f"{min(numbers):,}", f"{max(numbers):,}"
    return low if low == high else f"{low} to {high}"
