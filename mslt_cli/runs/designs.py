"""Designs of runs: which runs of a recipe to train, what each teaches, and what all of them cannot tell."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mslt_cli.errors import UsageError
from mslt_cli.foretelling.design import Combination, DesignedRun, ScorePrior, design_runs, remaining_sds, repeats_of
from mslt_cli.runs.plan import Experiment
from mslt_cli.runs.recipe import Recipe

Named = tuple[tuple[str, ...], int]
"""A run by its sources (ISO 639-3 codes, sorted) and its seed."""


class Design(NamedTuple):
    """Chosen runs, those that are done first."""

    experiment: Experiment
    left: Mapping[Named, float]
    """Points that are unknown of a foretold score after the run, by the usual spreads of scores."""
    notes: tuple[str, ...]


def plan_design(store: Path, recipe: Recipe, ks: Sequence[int], n: int) -> Design:
    """Choose the n runs of a recipe that teach most about all combinations of the largest k; see `design_runs`.

    Args:
        store: that knows which runs are done.
        ks: languages that a run may have.
        n: runs in all, those that are done included.

    Raises: UsageError: n is 0.
    """
    if n < 1:
        raise UsageError(f"--design is {n}; it has to be 1 or more, or singles.")
    prior = ScorePrior(kinship=recipe.kinship(store))
    size, seeds = len(recipe.pool), len(recipe.seeds)
    done = recipe.as_designed(recipe.find_done(store))
    runs = design_runs(size, ks, n, seeds=seeds, done=done, prior=prior, seed=recipe.seeds[0])
    places = [run.combination for run in runs]
    runs.sort(key=lambda run: places.index(run.combination))  # stable: as they are planned and trained
    known = [run.combination for run in [*(run for run in done if run not in runs), *runs]]
    sds = remaining_sds(known, size, max(ks), prior=prior)[len(known) - len(runs) :]
    names = [(recipe.languages(run.combination), recipe.seed_of(run.draw)) for run in runs]
    left = dict(zip(names, sds.tolist(), strict=True))
    return Design(recipe.experiment_of(runs), left, tuple(_say_what_is_open(recipe, runs, known, n, seeds)))


def _say_what_is_open(
    recipe: Recipe, runs: Sequence[DesignedRun], known: Sequence[Combination], n: int, seeds: int
) -> list[str]:
    """What a design repeats and why, and what it cannot tell."""
    notes, size = [], len(recipe.pool)
    repeats = len(known) - len(set(known))
    if len(runs) > n:
        notes.append(f"{len(runs)} runs are done, and --design is {n}: a larger one adds runs")
    if repeats and seeds == 1:
        what = "1 run repeats a combination" if repeats == 1 else f"{repeats} runs repeat combinations"
        notes.append(f"{what} with another seed: without repeats noise can't be told from differences")
    elif not repeats:
        enough = next(more for more in range(n, n + 2 * size + 5) if repeats_of(more, size))
        notes.append(
            "no run repeats a combination with another seed, so these runs can't tell differences from noise: "
            f"--design {enough}, or --seed 0,1, has some that do"
        )
    if unseen := sorted(set(range(size)) - {language for combination in known for language in combination}):
        codes = recipe.name(tuple(unseen)).replace(",", ", ")
        notes.append(f"no run has {codes}: of them is foretold what their relatives do, with wide intervals")
    return notes
