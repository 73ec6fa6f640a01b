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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path

import numpy as np

from mslt_cli.criteria.typology import cosines, diversity
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.covers import Nearest
from mslt_cli.search.exhaustive import ENUMERATE_UP_TO
from mslt_cli.search.objective import Objective, PairSum
from mslt_cli.search.ranking import rank
from mslt_cli.shipped import data_path
from mslt_cli.store.db import Store, open_store
from mslt_cli.store.fill import fill_languages
from mslt_cli.store.language_vectors import read_vectors, without_vector
from mslt_cli.store.languages import model_names, pool
from mslt_cli.tasks import find_task

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


@dataclass(frozen=True)
class Case:
    """One row: what is ranked, and how."""

    name: str
    vectors: str
    codes: Sequence[str]
    k: int
    smallest: bool = False
    least: bool = False
    targets: tuple[str, ...] = ()


def print_row(store: Store, case: Case) -> None:
    """Rank, and print what was proved in how much time and memory."""
    gone = {*without_vector(store, case.vectors, case.codes), *case.targets}
    codes = [code for code in case.codes if code not in gone]
    start = time.perf_counter()
    vectors = read_vectors(store, case.vectors, codes)
    pairs = diversity(vectors.matrix, smallest=case.smallest)
    objective: Objective = pairs
    if case.targets:
        objective = Nearest(cosines(vectors.matrix, read_vectors(store, case.vectors, case.targets).matrix))
    n, k = len(codes), case.k
    ranking = rank(objective, Wanted(n, k), top=10, least=case.least)
    took = time.perf_counter() - start
    proof = "exact" if ranking.exact else f"gap {100 * ranking.gap:.2f} %"
    kind = "least" if case.least else "max-min" if case.smallest else "cover" if case.targets else "most"
    naive = duration(enumeration_s(pairs, n, k))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    row = f"{case.name:14s} {case.vectors:14s} {n:5d} {k:3d} {kind:8s} {comb(n, k):10.2e} {took:8.2f} s  {proof:12s}"
    print(f"{row} {naive:>18s} {memory:6.2f}", flush=True)


def cases(store: Store) -> Iterator[Case]:
    """Named pools, the 205 languages that are described by hand, and all of URIEL."""
    named = {name: [language.iso639_3 for language in pool(store, name)] for name in model_names(store)}
    named |= {name: sorted(find_task(name).languages) for name in ("xnli", "udpos", "wikiann")}
    for k in (3, 4, 5, 6):
        for name, codes in named.items():
            for vectors in (*SETS, "fam"):
                if comb(len(codes), k) > ENUMERATE_UP_TO:
                    yield Case(name, vectors, codes, k)
    for k in (3, 5, 6, 10):
        for vectors in SETS:
            yield Case("described", vectors, described(), k)
    for vectors in SETS:
        yield Case("described", vectors, described(), 6, least=True)
        yield Case("described", vectors, described(), 6, smallest=True)
    everything = [language.iso639_3 for language in pool(store, "all")]
    yield Case("all", "syntax_knn", everything, 3, targets=("ind", "swh", "tam"))
    for vectors in (*SETS[:3], "fam", "geo"):
        yield Case("all", vectors, everything, 3)


def main() -> None:
    """Print a row for each case."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        fill_languages(path)
        with open_store(path) as store:
            print("top ten, reading included; naive = itertools over a list of distances, scaled up; GiB = peak so far")
            head = f"{'pool':14s} {'vectors':14s} {'n':>5s} {'k':>3s} {'':8s} {'sets':>10s} {'mslt':>10s}  {'':12s}"
            print(f"{head} {'naive':>18s} {'GiB':>6s}")
            for case in cases(store):
                print_row(store, case)


if __name__ == "__main__":
    main()
