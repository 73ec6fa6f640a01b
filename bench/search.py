"""The certified search beside plain enumeration, on real URIEL vectors.

Enumeration is timed on a share of the combinations and scaled to all of them: most cases would not end today.

Run: make bench
"""

from __future__ import annotations

import csv
import itertools
import resource
import tempfile
import time
from math import comb
from pathlib import Path

import numpy as np

from mslt_cli.criteria.typology import diversity
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.objective import PairSum
from mslt_cli.search.ranking import rank
from mslt_cli.shipped import data_path
from mslt_cli.store.db import Store, open_store
from mslt_cli.store.fill import fill_languages
from mslt_cli.store.language_vectors import read_vectors
from mslt_cli.store.languages import all_languages

SAMPLE = 20_000
SETS = ("syntax_knn", "phonology_knn", "inventory_knn", "geo")


def described() -> list[str]:
    """The 205 languages that are described by hand: those of the models and data sets at hand."""
    with data_path("langs", "curated.csv").open(encoding="utf-8", newline="") as file:
        return sorted(row["iso639_3"] for row in csv.DictReader(file))


def enumeration_s(objective: PairSum, n: int, k: int) -> float:
    """Seconds that a loop over itertools.combinations would take for all C(n, k), from the first ones."""
    kind = objective.kind[: min(n, 500)]  # the first combinations need no more
    gain = objective.distance[np.ix_(kind, kind)].tolist()
    start = time.perf_counter()
    best = 0.0
    for chosen in itertools.islice(itertools.combinations(range(len(kind)), k), SAMPLE):
        best = max(best, sum(gain[i][j] for i, j in itertools.combinations(chosen, 2)))
    return (time.perf_counter() - start) * comb(n, k) / min(SAMPLE, comb(n, k))


def duration(seconds: float) -> str:
    """Seconds as a reader takes them in."""
    for unit, size in (("years", 31_557_600), ("days", 86_400), ("hours", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.2f} s"


def case(store: Store, name: str, codes: list[str], k: int, **how: bool) -> None:
    """Print one row."""
    smallest, least = how.get("smallest", False), how.get("least", False)
    start = time.perf_counter()
    vectors = read_vectors(store, name, codes)
    objective = diversity(vectors.matrix, smallest=smallest)
    n = len(vectors.codes)
    ranking = rank(objective, Wanted(n, k), top=10, least=least)
    took = time.perf_counter() - start
    proof = "exact" if ranking.exact else f"gap {100 * ranking.gap:.2f} %"
    kind = "least" if least else "max-min" if smallest else "most"
    naive = duration(enumeration_s(objective, n, k))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    row = f"{name:14s} {n:5d} {k:3d} {kind:8s} {comb(n, k):10.2e} {took:8.2f} s  {proof:12s}"
    print(f"{row} {naive:>18s} {memory:6.2f}", flush=True)


def main() -> None:
    """Print a row for each set of vectors, pool size and k."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        fill_languages(path)
        with open_store(path) as store:
            print("top ten, reading included; naive = itertools over a list of distances, scaled up; GiB = peak so far")
            head = f"{'vectors':14s} {'n':>5s} {'k':>3s} {'':8s} {'sets':>10s} {'mslt':>10s}  {'':12s}"
            print(f"{head} {'naive':>18s} {'GiB':>6s}")
            for k in (3, 5, 6, 10):
                for name in SETS:
                    case(store, name, described(), k)
            for name in SETS:
                case(store, name, described(), 6, least=True)
                case(store, name, described(), 6, smallest=True)
            everything = [language.iso639_3 for language in all_languages(store)]
            for name in ("syntax_knn", "phonology_knn", "inventory_knn", "fam", "geo"):
                case(store, name, everything, 3)


if __name__ == "__main__":
    main()
