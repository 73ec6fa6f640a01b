"""How often a test of two combinations finds a difference where there is none, and where there is one of 5 points.

Answers are simulated: 10 targets share 171 items, and combinations, seeds and runs move how hard each is, by as much as
in six runs of cldr with e5-small (two seeds agree on 86 % of rows, two combinations on 81 %). *Before* is the bootstrap
over rows and paired seeds that `mslt eval --compare` was until 2026-11-27.

Run: python bench/error_rates.py [--draws 2000]
"""

from __future__ import annotations

import argparse
from itertools import product

import numpy as np
from numpy.typing import NDArray

from mslt_cli.evaluation.metrics import metric_value
from mslt_cli.evaluation.significance import compare_seeds, target_weights

ITEMS, TARGETS, HELD = 171, 10, 0.85
"""Each target holds that share of the items."""
LEVEL = 0.3
"""Of the latent ability, standard deviation 1: 62 % are right."""
SLOPE = float(np.exp(-(LEVEL**2) / 2) / np.sqrt(2 * np.pi))
"""Accuracy by latent ability."""
SHARED = {"item": 0.30, "combination": 0.024, "run": 0.015}
OWN = {"item": 0.52, "combination": 0.056, "run": 0.085}
"""Variances of the latent difficulty that all targets share, and of what is each target's own."""
Tables = dict[str, NDArray[np.int64]]


def draw_systems(
    rng: np.random.Generator, seeds: int, spread: float, points: float
) -> tuple[Tables, Tables, dict[str, list[str]]]:
    """Two combinations of which the second is better by some points, and whose seeds spread by some points (sd)."""

    def latent(part: str, *shape: int) -> NDArray[np.float64]:
        shared = rng.normal(0, SHARED[part] ** 0.5, (*shape, 1, ITEMS))
        return shared + rng.normal(0, OWN[part] ** 0.5, (*shape, TARGETS, ITEMS))

    item = latent("item")
    systems = []
    for better in (0.0, points):
        luck = (better + rng.normal(0, spread, (seeds, 1, 1))) / 100 / SLOPE
        systems.append((LEVEL + item + latent("combination") + latent("run", seeds) + luck > 0).astype(np.int64))
    held = rng.random((TARGETS, ITEMS)) < HELD
    ids = {str(t): [str(i) for i in np.flatnonzero(held[t])] for t in range(TARGETS)}
    a, b = (
        {str(t): np.stack([right[:, t, held[t]], np.ones_like(right[:, t, held[t]])], axis=-1) for t in range(TARGETS)}
        for right in systems
    )
    return a, b, ids


def bootstrap_of_rows_and_seeds(a: Tables, b: Tables, ids: dict[str, list[str]], *, resamples: int = 400) -> float:
    """p as it was: rows and seeds are drawn, the same ones for both systems."""
    runs = len(next(iter(a.values())))
    rng = np.random.default_rng(1)
    drawn = []
    for weights in target_weights({t: table.shape[1] for t, table in a.items()}, ids, seed=0, resamples=resamples):
        n = len(next(iter(weights.values())))
        shares = rng.multinomial(runs, np.full(runs, 1 / runs), size=n) / runs
        of_runs = [
            np.mean([[metric_value(weights[t] @ run) for run in system[t]] for t in system], axis=0)
            for system in (a, b)
        ]
        drawn.append(((of_runs[1] - of_runs[0]).T * shares).sum(axis=1))
    differences = np.concatenate(drawn)
    tail = min((differences <= 0).sum(), (differences >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (len(differences) + 1)))


def main() -> None:
    """Print the share of draws with p < 0.05."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    draws = parser.parse_args().draws
    print("| seeds spread by | seeds | before: 0 points | after: 0 points | one target | after: 5 points |")
    print("|---|--:|--:|--:|--:|--:|")
    for spread, seeds in product((1.7, 2.75), (1, 2, 3, 5)):
        rng = np.random.default_rng(seeds)
        found = np.zeros((draws, 4))
        for i in range(draws):
            a, b, ids = draw_systems(rng, seeds, spread, 0)
            found[i, 0] = bootstrap_of_rows_and_seeds(a, b, ids) < 0.05
            if seeds > 1:
                found[i, 1] = compare_seeds(a, b, items=ids).p < 0.05
                found[i, 2] = compare_seeds({"0": a["0"]}, {"0": b["0"]}).p < 0.05
                c, d, others = draw_systems(rng, seeds, spread, 5)
                found[i, 3] = compare_seeds(c, d, items=others).p < 0.05
        before, *after = (f"{100 * share:.0f} %" for share in found.mean(axis=0))
        print(f"| {spread} points | {seeds} | {before} | {' | '.join(after if seeds > 1 else ['not tested'] * 3)} |")


if __name__ == "__main__":
    main()
