"""How often the tests of `mslt report` err, by simulation, beside what they replaced.

Grids are drawn with the noise of the shipped one (35 combinations of 3 out of 7 languages, ten targets) and one to five
seeds. `python bench/report_error_rates.py [--grids 400] [--only items]` prints the tables
of docs/explanation/measured.md.
"""

import argparse
import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mslt_cli.inference.correlation import correlate_with_scores, spearman
from mslt_cli.inference.crossed import CrossedDesign
from mslt_cli.inference.distributions import ALPHA, holm, student_p
from mslt_cli.inference.shared_items import SharedItems

Floats = NDArray[np.float64]
RUN, INTERACTION, REST, SEED, TARGET = 0.0121, 0.0332, 0.0289, 0.01, 0.1
"""Standard deviations, 0..1: of the runs, of combination by target, of what is left; of seeds and targets for all."""
TARGETS, N = 10, 35
SPREAD = 0.033
"""Of the means of the shipped combinations."""
ITEMS, HELD = 171, 0.85
"""Each target holds that share of the items."""
LATENT = {"target": 0.2, "item": 0.55, "target item": 0.7, "combination target": 0.066, "run": 0.047,
          "run target": 0.05, "run item": 0.12, "combination target item": 0.24, "run target item": 0.3}  # fmt: skip
"""Standard deviations of what makes an answer right, beside a rest: so that the grids have the noise of triples."""
LIKINGS = {"as triples of cldr": 0.19, "twice": 0.38, "as single sources of cldr": 0.56}
"""Likewise, of how easy a combination finds an item in all targets: 0.3, 1.3 and 2.8 points² of its mean."""


def draw_grid(rng: np.random.Generator, truth: Floats, seeds: int, *, interaction: float = INTERACTION) -> Floats:
    """Scores of shape (n, seeds, TARGETS)."""
    n = len(truth)
    return (
        truth[:, None, None]
        + RUN * rng.normal(size=(n, seeds, 1))
        + interaction * rng.normal(size=(n, 1, TARGETS))
        + REST * rng.normal(size=(n, seeds, TARGETS))
        + SEED * rng.normal(size=(1, seeds, 1))
        + TARGET * rng.normal(size=(1, 1, TARGETS))
    )


def told_by_pairs(scores: Floats) -> NDArray[np.bool_]:
    """Which combinations a test of each pair, with noise of its own and Holm's correction, tells from the best."""
    means = scores.mean(axis=(1, 2))
    best = int(means.argmax())
    p = [_pair_p(scores[best] - scores[i]) for i in range(len(means)) if i != best]
    return np.insert(np.array(holm(p)) < ALPHA, best, False)


def _pair_p(cells: Floats) -> float:
    """Student's t over the means of targets and of seeds together, shape (seeds, TARGETS)."""
    samples = [means for means in (cells.mean(axis=0), cells.mean(axis=1)) if len(means) > 1]
    parts = [float(means.var(ddof=1)) / len(means) for means in samples]
    freedom = sum(parts) ** 2 / sum(part**2 / (len(x) - 1) for part, x in zip(parts, samples, strict=True))
    return student_p(float(cells.mean()) / math.sqrt(sum(parts)), freedom)


def told_by_design(scores: Floats) -> NDArray[np.bool_]:
    """Which combinations the crossed design tells from the best."""
    design = CrossedDesign({i: dict(enumerate(runs)) for i, runs in enumerate(scores)})
    return np.array([standing.p < ALPHA for standing in design.standings()])


def compare_with_best(grids: int) -> None:
    """Print how often equal combinations are told apart, and how many of unequal ones are, by number of seeds."""
    print("| seeds | all equal: some told apart, pairs | design | best told from itself, pairs | design "
          "| told, pairs | design | out of order, pairs | design |")  # fmt: skip
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for seeds in (1, 2, 3, 5, 10):
        rng = np.random.default_rng(seeds)
        counts = {how: np.zeros(4) for how in (told_by_pairs, told_by_design)}
        for _ in range(grids):
            equal = draw_grid(rng, np.full(N, 0.6), seeds)
            truth = 0.6 + SPREAD * rng.normal(size=N)
            unequal = draw_grid(rng, truth, seeds)
            means = unequal.mean(axis=(1, 2))
            for how, count in counts.items():
                told = how(unequal)
                kept = means[~told]
                out_of_order = bool(told.any()) and float(means[told].max()) > float(kept.min())
                count += (bool(how(equal).any()), told[truth.argmax()], told.sum(), out_of_order)
        pairs, design = (count / grids for count in counts.values())
        cells = [f"{100 * x:.0f} %" if i != 2 else f"{x:.1f}" for i in range(4) for x in (pairs[i], design[i])]
        print(f"| {seeds} | {' | '.join(cells)} |")


def compare_few(grids: int) -> None:
    """Print how often two or three equal combinations with two seeds differ by F, and those of which one is better."""
    print("\n| combinations | combination by target, sd | equal: differ | one 6 points better: differ |")
    print("|--:|--:|--:|--:|")
    grids *= 4
    for n, interaction in itertools.product((2, 3), (0.01, 0.02, 0.033)):
        rng = np.random.default_rng(n)
        found = np.zeros(2)
        for _ in range(grids):
            for i, better in enumerate((0.0, 0.06)):
                scores = draw_grid(rng, np.array([better, *[0.0] * (n - 1)]), 2, interaction=interaction)
                design = CrossedDesign({i: dict(enumerate(runs)) for i, runs in enumerate(scores)})
                found[i] += design.p_all_equal() < ALPHA
        shares = " | ".join(f"{100 * share:.1f} %" for share in found / grids)
        print(f"| {n} | {100 * interaction:.0f} points | {shares} |", flush=True)


def draw_answers(rng: np.random.Generator, n: int, seeds: int, liking: float) -> SharedItems:
    """Answers of n equal combinations to the items that ten targets share."""
    sizes = {"target": TARGETS, "item": ITEMS}
    latent = np.full((n, seeds, TARGETS, ITEMS), 0.3)
    for part, scale in {**LATENT, "combination item": liking}.items():
        words = part.split()
        shape = [n if {"combination", "run"} & {*words} else 1, seeds if "run" in words else 1]
        shape += [sizes[word] if word in words else 1 for word in ("target", "item")]
        latent += scale * rng.normal(size=shape)
    items = [np.flatnonzero(held) for held in rng.random((TARGETS, ITEMS)) < HELD]
    right = {
        c: {s: [run[t, held] for t, held in enumerate(items)] for s, run in enumerate(runs)}
        for c, runs in enumerate(latent > 0)
    }
    return SharedItems(right, items)


def compare_on_shared_items(grids: int) -> None:
    """Print how often equal combinations differ by the test, and by more than can't be seen, without and with items."""
    print("| combinations differ in the items that they find easy | seeds | equal ones differ, items as they are "
          "| items as a sample | pairs beyond what can't be seen, items as they are | items as a sample |")  # fmt: skip
    print("|---|--:|--:|--:|--:|--:|")
    for (name, liking), seeds in itertools.product(LIKINGS.items(), (2, 3, 5)):
        rng = np.random.default_rng(seeds)
        found = np.zeros((grids, 4))
        for i in range(grids):
            known = draw_answers(rng, N, seeds, liking)
            scores = {
                c: {s: np.array([answers.mean() for answers in run]) for s, run in runs.items()}
                for c, runs in known.right.items()
            }
            for j, items in enumerate((None, known)):
                design = CrossedDesign(scores, items=items)
                apart = np.abs(np.subtract.outer(design.means, design.means))[np.triu_indices(N, 1)]
                found[i, j] = design.p_all_equal() < ALPHA
                found[i, 2 + j] = (apart > design.detectable_difference()).mean()
        print(f"| {name} | {seeds} | " + " | ".join(f"{100 * x:.0f} %" for x in found.mean(axis=0)) + " |", flush=True)


def correlate(grids: int) -> None:
    """Print how often a criterion that knows nothing of the languages is called significant."""
    languages = [*"abcdefg"]
    triples: list[tuple[str, ...]] = [*itertools.combinations(languages, 3)]
    rng = np.random.default_rng(0)
    fisher = relabelled = 0
    for _ in range(grids):
        values, effects = rng.normal(size=(7, 4)), rng.normal(size=7)
        criterion = {c: _diversity(values, [languages.index(x) for x in c]) for c in triples}
        noise = rng.normal(size=len(triples))
        scores = {c: float(sum(effects[languages.index(x)] for x in c) + 0.5 * e)
                  for c, e in zip(triples, noise, strict=True)}  # fmt: skip
        rho = spearman([*criterion.values()], [*scores.values()])
        fisher += abs(math.atanh(rho)) > 1.96 * math.sqrt((1 + rho**2 / 2) / (len(triples) - 3))
        relabelled += correlate_with_scores([criterion], scores)[0].p < ALPHA
    print("\n| a criterion that knows nothing | significant at 5 % |\n|---|--:|")
    print(f"| Fisher's interval over 35 combinations | {100 * fisher / grids:.0f} % |")
    print(f"| relabelled languages | {100 * relabelled / grids:.0f} % |")


def _diversity(values: Floats, members: Sequence[int]) -> float:
    return float(sum(np.linalg.norm(values[i] - values[j]) for i, j in itertools.combinations(members, 2)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--grids", type=int, default=400)
    parser.add_argument("--only", choices=["best", "few", "items", "criteria"])
    given = parser.parse_args()
    tables = {"best": compare_with_best, "few": compare_few, "items": compare_on_shared_items, "criteria": correlate}
    for name, table in tables.items():
        if given.only in (None, name):
            table(given.grids)
