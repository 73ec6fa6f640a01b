"""How long `select --by runs` takes on large pools, whether its answer is that of a full list, and how often it errs.

Scores are drawn: language effects (sd 4 points), blending of pairs, noise of runs and scores. The runs are all single
languages and random triples. Prints tables in Markdown; seconds are of one core. The second one says how often no two
of 35 triples are truly further apart than "no choice is more than X points better than another" says, and what is said
of whether they differ.
"""

import argparse
import time
from collections import Counter
from itertools import combinations as subsets

import numpy as np

from mslt_cli.criteria.forecast import RIVALS, Forecast
from mslt_cli.foretelling.model import fit
from mslt_cli.foretelling.observations import Observations, equal_shares
from mslt_cli.results.kinship import typological_similarity
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.exhaustive import combinations
from mslt_cli.search.ranking import rank
from mslt_cli.store import languages as facts
from mslt_cli.store.db import open_store, store_path
from mslt_cli.store.fill import ensure_filled

LISTED = 10_000_000
"""Combinations up to which the answer is compared with a full list."""


def drawn_runs(codes: list[str], similarity: np.ndarray, triples: int, blending: float, seed: int) -> Observations:
    """Runs of each language and of some triples on six targets."""
    rng, n = np.random.default_rng(seed), len(codes)
    sets = [(i,) for i in range(n)] + [tuple(sorted(rng.choice(n, 3, replace=False))) for _ in range(triples)]
    shares, effects = equal_shares(sets, n), rng.normal(0, 0.04, n)
    pairs = np.triu(rng.normal(0, blending, (n, n)), 1)
    mean = 0.6 + shares @ effects + np.einsum("rl,lm,rm->r", shares, pairs, shares)
    scores = mean[:, None] + rng.normal(0, 0.015, (len(sets), 1)) + rng.normal(0, 0.02, (len(sets), 6))
    return Observations(tuple(codes), tuple("abcdef"), shares, scores, (0,) * len(sets), similarity=similarity)


def time_large_pools() -> None:
    """Print the first table."""
    ensure_filled(store_path(None))
    with open_store() as store:
        codes = [row.iso639_3 for pool in ("xlm-r", "bloom") for row in facts.pool(store, pool)]
        codes = list(dict.fromkeys(codes))[:100]
        similarity, _ = typological_similarity(store, codes)
    print("| languages | runs | k | combinations | fit (s) | search (s) | the rest (s) | proof | as a full list |")
    print("|--:|--:|--:|--:|--:|--:|--:|---|---|")
    for triples, blending, k in ((40, 0.03, 3), (40, 0.03, 4), (40, 0.03, 5), (200, 0.08, 4)):
        observations = drawn_runs(codes, similarity, triples, blending, seed=1)
        start = time.process_time()
        forecast = Forecast(fit(observations), {}, np.arange(len(codes)), 0)
        objective, fitted = forecast.objective(k), time.process_time()
        wanted = Wanted(len(codes), k)
        ranking = rank(objective, wanted, top=RIVALS)
        sets, searched = np.array([row.items for row in ranking.rows]), time.process_time()
        forecast.chances(sets[:10], sets, all_listed=False)
        done, same = time.process_time(), ""
        if wanted.total <= LISTED:
            values = np.sort(objective.values(combinations(len(codes), k)))[::-1][:RIVALS]
            same = "yes" if np.allclose(values, [row.value for row in ranking.rows], atol=1e-9) else "no"
        seconds = " | ".join(f"{b - a:.1f}" for a, b in ((start, fitted), (fitted, searched), (searched, done)))
        runs = len(observations.draws)
        print(f"| {len(codes)} | {runs} | {k} | {wanted.total:,} | {seconds} | {ranking.proof} | {same} |")


def hold_the_widest_difference(grids: int) -> None:
    """Print the second table."""
    print("| languages differ by (sd, points) | runs | X holds (of 100) | median X | they differ | hardly | too few |")
    print("|--:|---|--:|--:|--:|--:|--:|")
    triples = list(subsets(range(7), 3))
    for spread in (0.0, 0.01, 0.04):
        for name, sets, seeds in (("35 triples × 2", triples, 2), ("7 singles × 2", [(i,) for i in range(7)], 2)):
            held, widths, said = 0, [], Counter[str]()
            for grid in range(grids):
                rng = np.random.default_rng(grid)
                effects = rng.normal(0, spread, 7)
                pairs = np.triu(rng.normal(0, spread / 2, (7, 7)), 1)
                shares = np.repeat(equal_shares(sets, 7), seeds, axis=0)

                def true(x: np.ndarray, effects: np.ndarray = effects, pairs: np.ndarray = pairs) -> np.ndarray:
                    mean: np.ndarray = 0.6 + x @ effects + np.einsum("rl,lm,rm->r", x, pairs, x)
                    return mean

                noise = rng.normal(0, 0.015, (len(shares), 1)) + rng.normal(0, 0.03, (len(shares), 6))
                scores = true(shares)[:, None] + noise
                draws = tuple((run, run % seeds) for run in range(len(shares)))
                observations = Observations(tuple("ABCDEFG"), tuple("abcdef"), shares, scores, draws)
                forecast = Forecast(fit(observations), {}, np.arange(7), grid)
                chances = forecast.chances(np.array(triples), np.array(triples), all_listed=True)
                assert chances.widest is not None
                held += bool(100 * np.ptp(true(equal_shares(triples, 7))) <= chances.widest)
                widths.append(chances.widest)
                said[chances.grounds.verdict] += 1
            verdicts = ("they differ", "they hardly differ", "too few runs to tell")
            counts = " | ".join(f"{100 * said[one] / grids:.0f}" for one in verdicts)
            print(f"| {100 * spread:g} | {name} | {100 * held / grids:.0f} | {np.median(widths):.1f} | {counts} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--grids", type=int, default=100, help="simulated grids a row of the second table")
    grids = parser.parse_args().grids
    time_large_pools()
    print()
    hold_the_widest_difference(grids)
