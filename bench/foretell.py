"""How well the model of scores foretells combinations of a finished grid from a few of its runs, beside plain rules.

A grid is replayed: some of its runs are shown to the model, and what it foretells of all combinations of k languages is
compared with their means over all seeds. One seed is shown at a time, and the numbers are means over the seeds; the
regret is what the choice scores less than the best of these combinations.

Run: python bench/foretell.py [-k 3] [--task cldr --model e5-small --store PATH]
"""

import argparse
import math
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mslt_cli.foretelling.choice import best_of
from mslt_cli.foretelling.fitting import INHERITANCE
from mslt_cli.foretelling.model import ScoreModel, fit
from mslt_cli.foretelling.observations import Observations
from mslt_cli.inference.correlation import spearman
from mslt_cli.inference.distributions import NORMAL
from mslt_cli.results.observations import RunsAsked, find_observations
from mslt_cli.store.db import Store, open_store
from mslt_cli.store.fill import fill_languages
from mslt_cli.store.language_vectors import read_vectors
from mslt_cli.store.results import fill_results

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]
FANO = ((0, 1, 2), (0, 3, 4), (0, 5, 6), (1, 3, 5), (1, 4, 6), (2, 3, 6), (2, 4, 5))
"""Seven triples of seven languages in which each pair comes once; there are 30 such sets."""
VECTORS = ("syntax_knn", "fam")
"""l2v-syntax and l2v-family, which order the shipped grid best of the paper's criteria."""
SEARCHED = 3
"""Runs that follow the singles, each the one whose true score is expected to lie most above the best mean."""


class Replay:
    """A grid, and its combinations of k languages with their means over all seeds."""

    def __init__(self, observations: Observations, k: int) -> None:
        self.observations = observations
        self.sizes = (observations.shares > 0).sum(axis=1)
        places = [i for i, one in enumerate(observations.combinations) if (one > 0).sum() == k]
        self.shares = observations.combinations[places]
        own = [observations.combination_of == i for i in places]
        self.measured = np.array([observations.scores[rows].mean() for rows in own])
        self.runs = np.array([rows.sum() for rows in own])
        self.seeds = [*dict.fromkeys(observations.draws)]

    def of_seed(self, seed: object) -> Masks:
        """Its runs."""
        return np.array([draw == seed for draw in self.observations.draws])

    def holds(self, shown: Masks) -> Masks:
        """Which of the combinations are among the runs that are shown."""
        seen = self.observations.shares[shown].round(9)
        return np.array([bool((seen == one).all(axis=1).any()) for one in self.shares])

    def ask(self, shown: Masks) -> dict[str, float]:
        """What the model foretells from the runs that are shown, of the combinations that are not."""
        model, hidden = fit(self.observations.chosen(shown)), ~self.holds(shown)
        foretold = model.predict(self.shares)
        error = 100 * (foretold.mean - self.measured)[hidden]
        sd = 100 * np.hypot(foretold.sd, model.noise(self.shares) / np.sqrt(self.runs))[hidden]
        return {
            "rho": spearman(foretold.mean[hidden], self.measured[hidden]),
            "rmse": math.sqrt(float((error**2).mean())),
            "within": float(error.std()),
            "coverage": float((np.abs(error) <= NORMAL[90] * sd).mean()),
            "width": float(2 * NORMAL[90] * sd.mean()),
            "regret": self.regret(foretold.mean),
            "foretold": float(best_of(model.draw(self.shares, 500, 0)).regret[foretold.mean.argmax()]),
        }

    def regret(self, foretold: Floats) -> float:
        """Points by which the combination that is foretold to be the best falls behind the best."""
        return float(100 * (self.measured.max() - self.measured[foretold.argmax()]))

    def search(self, seed: object) -> float:
        """The regret after the singles of a seed and a few runs more, each chosen by what is known until then."""
        shown = self.of_seed(seed) & (self.sizes == 1)
        possible = self.of_seed(seed) & (self.sizes == self.k)
        for _ in range(SEARCHED):
            model = fit(self.observations.chosen(shown))
            rows = np.flatnonzero(possible & ~shown)
            drawn = model.draw(self.observations.shares[rows], 2000, 0)
            best = model.predict(self.shares).mean.max()
            shown[rows[np.maximum(drawn - best, 0).mean(axis=0).argmax()]] = True
        return self.regret(fit(self.observations.chosen(shown)).predict(self.shares).mean)

    @property
    def k(self) -> int:
        """Languages of a combination."""
        return int((self.shares[0] > 0).sum())

    def rules(self, shown: Masks) -> dict[str, dict[str, float]]:
        """What plain rules make of single sources: the mean of their scores, or the best of them by target."""
        rows = self.observations.shares[shown]
        singles = np.stack(
            [self.observations.scores[shown][rows[:, i] == 1].mean(axis=0) for i in range(rows.shape[1])]
        )
        members = [np.flatnonzero(one) for one in self.shares]
        mean = np.array([singles[own].mean() for own in members])
        best = np.array([singles[own].max(axis=0).mean() for own in members])
        return {
            name: {"rho": spearman(value, self.measured), "regret": self.regret(value)}
            for name, value in {"mean of sources": mean, "best source by target": best}.items()
        }


def fano_planes() -> list[tuple[tuple[int, ...], ...]]:
    """All sets of seven triples of seven languages in which each pair comes once."""
    relabelled = {
        tuple(sorted(tuple(sorted(order[i] for i in triple)) for triple in FANO)) for order in permutations(range(7))
    }
    return sorted(relabelled)


def mean_of(rows: Iterable[dict[str, float]]) -> dict[str, float]:
    """Each value's mean over several replays, and how many there were."""
    rows = list(rows)
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]} | {"replays": len(rows)}


def show(label: str, row: dict[str, float]) -> None:
    """Print a row of the table."""
    formats = {"replays": "{:.0f}", "rho": "{:.2f}", "rmse": "{:.2f}", "within": "{:.2f}"}
    formats |= {"coverage": "{:.0%}", "width": "{:.1f}", "regret": "{:.2f}", "foretold": "{:.2f}"}
    cells = [form.format(row[name]) if name in row else "" for name, form in formats.items()]
    print(f"| {label} | {' | '.join(cells)} |", flush=True)


def replay(observations: Observations, k: int, cosines: dict[str, Floats]) -> None:
    """Print the table of one grid, with the diversity of the languages by some sets of vectors."""
    grid = Replay(observations, k)
    whole = fit(observations)
    describe(whole, grid)
    print("| shown to the model | replays | ρ | RMSE | RMSE less a common shift | 90 % intervals hold | width | regret "
          "| as foretold |")  # fmt: skip
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    blind = 100 * float(grid.measured.max() - grid.measured.mean())
    show("none: a random combination", {"regret": blind})
    for name, cosine in cosines.items():
        diversity = -((grid.shares @ cosine) * grid.shares).sum(axis=1)  # of equal shares
        rho, regret = spearman(diversity, grid.measured), grid.regret(diversity)
        show(f"none: the most diverse by {name}", {"rho": rho, "regret": regret})
    languages = len(observations.languages)
    singles = [grid.of_seed(seed) & (grid.sizes == 1) for seed in grid.seeds]
    singles = [shown for shown in singles if shown.sum() == languages]
    if singles:
        rules = [grid.rules(shown) for shown in singles]
        for name in rules[0]:
            show(f"the singles of one seed, {name}, no model", mean_of(one[name] for one in rules))
        show("the singles of one seed", mean_of(map(grid.ask, singles)))
        show("the singles of all seeds", mean_of([grid.ask(grid.sizes == 1)]))
        pairs = [grid.of_seed(seed) & (grid.sizes <= 2) for seed in grid.seeds]
        pairs = [shown for shown in pairs if (shown & (grid.sizes == 2)).any()]
        if k > 2 and pairs:
            show("singles and pairs of one seed", mean_of(map(grid.ask, pairs)))
        complete = [seed for seed in grid.seeds if grid.holds(grid.of_seed(seed)).all()]
        if complete:
            regrets = [{"regret": grid.search(seed)} for seed in complete]
            show(f"the singles of one seed and {SEARCHED} runs chosen by the model", mean_of(regrets))
    if languages == 7 and k == 3 and math.comb(7, 3) == len(grid.shares):
        shown = []
        for plane in fano_planes():
            sets = [set(triple) for triple in plane]
            rows = np.array([set(np.flatnonzero(one)) in sets for one in observations.shares])
            shown += [rows & grid.of_seed(seed) for seed in grid.seeds]
        show("7 balanced triples of one seed", mean_of(grid.ask(rows) for rows in shown if rows.any()))
    for label, model in {"all": whole, f"those of {k} languages": fit(observations.chosen(grid.sizes == k))}.items():
        left = model.left_out
        row = {"replays": len(left.measured), "rho": left.rho, "rmse": left.rmse, "coverage": left.coverage}
        show(f"{label}, each combination left out in turn", row | {"width": 200 * NORMAL[90] * float(left.sd.mean())})


def find_cosines(store: Store, name: str, languages: Sequence[str]) -> Floats | None:
    """Cosines of the languages' vectors, shape (L, L); None where a language has none."""
    vectors = read_vectors(store, name, languages)
    if not {*languages} <= {*vectors.codes}:
        return None
    matrix = vectors.matrix[[vectors.codes.index(code) for code in languages]].astype(np.float64)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix @ matrix.T


def describe(model: ScoreModel, grid: Replay) -> None:
    """Print what the model says of the whole grid."""
    own = replace(model, observations=grid.observations.chosen(grid.sizes == grid.k)).signal
    for label, signal in {"all": model.signal, f"of {grid.k} languages": own}.items():
        if signal.knows_noise:
            print(f"Combinations ({label}): {signal.share:.0%} of the variance is not noise, "
                  f"95 % interval {signal.low:.0%} to {signal.high:.0%}, p = {signal.p:.2g}.")  # fmt: skip
        else:
            print(f"Combinations ({label}): no run is repeated, so that the noise is not known.")
    components = model.components
    inheritance = components.pop("inheritance")
    print(", ".join(f"{name} {sd:.1f}" for name, sd in components.items()), "points;", end=" ")
    print(f"inheritance {inheritance:.2f} ({INHERITANCE} before any run)\n")


def main() -> None:
    """Print the table of a grid."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, help="Default: a new one with the shipped runs.")
    parser.add_argument("--source", default=None, help='"runs" or "shipped".')
    parser.add_argument("--task", default="cldr")
    parser.add_argument("--model", default="e5-small")
    parser.add_argument("--examples", type=int)
    parser.add_argument("-k", type=int, default=3)
    given = parser.parse_args()
    asked = RunsAsked(source=given.source, task=given.task, model=given.model, examples=given.examples)
    with tempfile.TemporaryDirectory() as directory:
        path = given.store or Path(directory) / "store.db"
        if given.store is None:
            fill_languages(path)
            fill_results(path)
        with open_store(path) as store:
            found = find_observations(store, asked)
            found_cosines = {name: find_cosines(store, name, found.observations.languages) for name in VECTORS}
    cosines = {name: cosine for name, cosine in found_cosines.items() if cosine is not None}
    print(f"{found.label}: {len(found.runs)} runs\n")
    replay(found.observations, given.k, cosines)


if __name__ == "__main__":
    main()
