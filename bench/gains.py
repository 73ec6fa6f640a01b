"""How often the 95 % intervals of `mslt report languages` hold what languages and pairs truly bring, by simulation.

Grids of seven languages are drawn with the sizes of effects of the shipped one: languages, blending of pairs, and noise
of the runs. `python bench/gains.py [--grids 200]` prints the table of docs/explanation/measured.md.
"""

import argparse
from itertools import combinations

import numpy as np

from mslt_cli.foretelling.exchange import Gains, weigh_exchanges
from mslt_cli.foretelling.model import fit
from mslt_cli.foretelling.observations import Floats, Observations, equal_shares

N, K = 7, 3
BLENDING = 0.25
"""Of the mean pair; a third of what the shipped triples gain over their sources alone, as c / 9 for each of three."""
SIZES = {
    "as shipped": (0.075, 0.06, 0.015),
    "hardly different": (0.01, 0.01, 0.018),
    "no blending": (0.075, 0.0, 0.015),
}
"""Standard deviations, 0..1: of languages at a full share, of blending, and of runs."""
SINGLES, TRIPLES = [[i] for i in range(N)], [*map(list, combinations(range(N), K))]
LEFT, RIGHT = np.array([*combinations(range(N), 2)]).T
DESIGNS = {
    "singles, 1 seed": (SINGLES, 1),
    "7 triples, 1 seed": ([[i, (i + 1) % N, (i + 3) % N] for i in range(N)], 1),
    "singles and 10 triples": (SINGLES + TRIPLES[::4][:10], 1),
    "singles and triples, 3 seeds": (SINGLES + TRIPLES, 3),
}


def simulate(members: list[list[int]], seeds: int, sizes: tuple[float, float, float], grids: int) -> Floats:
    """Share of the intervals that hold the truth, and their mean half width: of languages and of pairs, shape (4,)."""
    languages, blending, noise = sizes
    rng = np.random.default_rng(0)
    shares = np.repeat(equal_shares(members, N), seeds, axis=0)
    draws = tuple(range(seeds)) * len(members)
    every = equal_shares(TRIPLES, N) > 0
    found = np.zeros((grids, 4))
    for row in found:
        own, pairs = rng.normal(0, languages, N), rng.normal(BLENDING * bool(blending), blending, len(LEFT))
        scores = (
            true_scores(shares, own, pairs) + rng.normal(0, 0.008, seeds)[[*draws]] + rng.normal(0, noise, len(shares))
        )
        observed = Observations(tuple(map(str, range(N))), ("t",), shares, scores[:, None], draws)
        gains = weigh_exchanges(fit(observed), K, range(N))
        # By least squares from all triples: mean + Σ languages + Σ pairs, with the sums at 0, has this one solution.
        true = 100 * true_scores(equal_shares(TRIPLES, N), own, pairs)
        of_languages = np.array([true[every[:, i]].mean() - true.mean() for i in range(N)]) * (N - 1) / (N - K)
        rest = true - true.mean() - every @ of_languages
        both = every[:, LEFT] & every[:, RIGHT]
        of_pairs = np.linalg.lstsq(both.astype(float), rest, rcond=None)[0]
        row[:] = *_held(gains.languages, of_languages), *_held(gains.pairs, of_pairs)
    mean: Floats = found.mean(axis=0)
    return mean


def true_scores(shares: Floats, own: Floats, pairs: Floats) -> Floats:
    """Scores without noise, shape (runs,)."""
    scores: Floats = 0.5 + shares @ own + (shares[:, LEFT] * shares[:, RIGHT]) @ pairs
    return scores


def _held(gains: Gains, true: Floats) -> tuple[float, float]:
    inside = (gains.low <= true) & (true <= gains.high)
    return float(inside.mean()), float((gains.high - gains.low).mean() / 2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grids", type=int, default=200)
    grids = parser.parse_args().grids
    print("| truth | runs | languages: held | ± points | pairs: held | ± points |\n|---|---|--:|--:|--:|--:|")
    for truth, sizes in SIZES.items():
        for runs, (members, seeds) in DESIGNS.items():
            a, b, c, d = simulate(members, seeds, sizes, grids)
            print(f"| {truth} | {runs} | {100 * a:.0f} % | {b:.1f} | {100 * c:.0f} % | {d:.1f} |")
