"""The search for what covers most or least beside plain enumeration.

Vocabularies are drawn as real ones overlap: an id's frequency falls with its rank, and a language's ranking is made of
one that all share, its family's and its own. "even" pools, whose languages have the same number of ids each, are the
hardest: no set stands out. Enumeration with itertools and Python's sets is timed on a share of the combinations and
scaled up.

Run: python bench/coverage.py
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria.typology import diversity
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.covers import Coverage, Nearest, TargetCoverage
from mslt_cli.search.objective import Covering, Mixed
from mslt_cli.search.ranking import rank

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

VOCABULARY = 250_000
FAMILIES = 12
TOP = 10
SAMPLE_S = 1.0
"""Seconds that plain enumeration is given."""


def vocabularies(n: int, *, ids: int, even: bool = False, seed: int = 0) -> list[Ints]:
    """Token ids of n languages, `ids` each, or by up to a factor e more or less where they are not even."""
    rng = np.random.default_rng(seed)
    frequency = 1 / (np.arange(VOCABULARY) + 200.0)
    shared = rng.permutation(frequency)
    families = [rng.permutation(frequency) for _ in range(FAMILIES)]
    found = []
    for _ in range(n):
        weight = 0.3 * shared + 0.4 * families[int(rng.integers(FAMILIES))] + 0.3 * rng.permutation(frequency)
        size = ids if even else int(ids * np.exp(rng.uniform(-1, 1)))
        # The largest of `log(uniform) / weight` are a weighted draw without replacement.
        drawn = np.log(rng.random(VOCABULARY)) / weight
        found.append(np.sort(np.argpartition(-drawn, size)[:size]))
    return found


def cosines(n: int, targets: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Vectors of n languages, and their cosines with some targets."""
    rng = np.random.default_rng(seed)
    vectors = (rng.random((n + targets, 100)) < 0.3 * rng.random(100) + 0.05) + 0.01
    unit = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    return unit[:n], unit[:n] @ unit[n:].T


def enumeration_s(worth: Callable[[Sequence[int]], float], n: int, k: int) -> float:
    """Seconds that a loop over itertools.combinations would take for all C(n, k), from as many as a second allows."""
    start = time.perf_counter()
    best, count = 0.0, 0
    for chosen in itertools.combinations(range(n), k):
        best = max(best, worth(chosen))
        count += 1
        if time.perf_counter() - start > SAMPLE_S:
            break
    return (time.perf_counter() - start) * comb(n, k) / count


def united(ids: Sequence[NDArray[Any]], targets: Sequence[NDArray[Any]] = ()) -> Callable[[Sequence[int]], float]:
    """Coverage as one writes it down."""
    sets = [set(own.tolist()) for own in ids]
    wanted = [set(own.tolist()) for own in targets]

    def worth(chosen: Sequence[int]) -> float:
        covered: set[int] = set().union(*(sets[i] for i in chosen))
        return sum(len(covered & t) / len(t) for t in wanted) / len(wanted) if wanted else len(covered)

    return worth


def nearest(similarity: Floats) -> Callable[[Sequence[int]], float]:
    """How near the nearest source is, as one writes it down."""
    rows = similarity.tolist()
    return lambda chosen: sum(map(max, zip(*(rows[i] for i in chosen), strict=True))) / len(rows[0])


def duration(seconds: float) -> str:
    """Seconds as a reader takes them in."""
    for unit, size in (("years", 31_557_600), ("days", 86_400), ("hours", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.2f} s"


def case(name: str, objective: Covering, k: int, worth: Callable[[Sequence[int]], float]) -> None:
    """Print two rows: most and least."""
    n = objective.n
    naive = enumeration_s(worth, n, k)
    for least in (False, True):
        start = time.perf_counter()
        found = rank(objective, Wanted(n, k), top=TOP, least=least)
        took = time.perf_counter() - start
        proof = "enumerated" if found.proof == "enumerated" else "exact" if found.exact else f"gap {found.gap:.2%}"
        print(
            f"| {name} | {'least' if least else 'most'} | {n} | {k} | {comb(n, k):,} | {took:.2f} s | {proof} "
            f"| {duration(naive)} | {naive / took:,.0f}× |",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    print(f"The first {TOP}; naive = itertools over Python sets or lists, scaled up from {SAMPLE_S:g} s.\n")
    print("| what | | n | k | combinations | mslt | proof | naive | ratio |")
    print("|---|---|---:|---:|---:|---:|---|---:|---:|")
    large = vocabularies(150, ids=12_000)
    for n, k in ((7, 3), (30, 5), (60, 5), (100, 4), (107, 3), (150, 5), (150, 8)):
        case("coverage", Coverage(large[:n]), k, united(large[:n]))
    even = vocabularies(100, ids=30_000, even=True)
    for n, k in ((60, 5), (100, 4)):
        case("coverage, even", Coverage(even[:n]), k, united(even[:n]))
    for targets in (2, 20):
        wanted = large[-targets:]
        case(f"{targets} targets' ids", TargetCoverage(large[:100], wanted), 4, united(large[:100], wanted))
    for n, targets in ((200, 2), (200, 5), (200, 20), (2_000, 5)):
        vectors, similarity = cosines(n, targets)
        case(f"nearest of {targets}", Nearest(similarity), 4 if n == 200 else 3, nearest(similarity))
    vectors, similarity = cosines(200, 5)
    distance = (1 - vectors @ vectors.T).tolist()
    near = nearest(similarity)
    case(
        "distance and nearest of 5",
        Mixed(diversity(vectors), Nearest(similarity), 0.5),
        4,
        lambda c: sum(distance[i][j] for i, j in itertools.combinations(c, 2)) / 12 + near(c) / 2,
    )
    share = united(large[:100])
    case(
        "distance and coverage",
        Mixed(diversity(vectors[:100]), Coverage(large[:100]), 0.5),
        4,
        lambda c: sum(distance[i][j] for i, j in itertools.combinations(c, 2)) / 12 + share(c) / 2 / VOCABULARY,
    )


if __name__ == "__main__":
    main()
