"""The convex bound on all sets at once: a price for each item, from one relaxation before the search starts.

As a function of the 0/1 vector x, the worth of a set is `½ xᵀ G x`, G the gains of pairs. With `M = λI − G` positive
semidefinite on the plane `Σx = k`, any y of that plane gives `worth(x) ≤ ½λk + ½ yᵀMy − Σ_i x_i (My)_i`: no set is
worth more than a constant less the prices `My` of its items. Frank-Wolfe steps, toward the set of lowest prices and
with exact line search, improve y.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.problem import Problem

Floats = NDArray[np.float64]

STEPS = 400


@dataclass(frozen=True)
class Prices:
    """No set is worth more than `constant` less the prices of its free items; `bound` holds for all sets."""

    price: Floats
    constant: float
    bound: float

    def spare(self, missing: int, need: float, known: int) -> float:
        """The most that `known` of a set's `missing` free items may cost, if the set is to be worth `need`."""
        cheapest = np.sort(np.partition(self.price, missing - 1)[:missing])[: missing - known].sum()
        return self.constant - float(cheapest) - need


def convex_prices(problem: Problem) -> Prices | None:
    """The prices of all items, inf for the fixed ones; None where the problem is not known to be concave."""
    n, k, fixed = problem.wanted.n, problem.wanted.k, list(problem.wanted.fixed)
    missing, curvature = k - len(fixed), problem.curvature
    if curvature is None or problem.distance is None or problem.kind is None or not 1 <= missing <= n - len(fixed):
        return None
    free = np.ones(n, dtype=bool)
    free[fixed] = False
    # For the start, each free item as often as the next. Classes first: many items are of one kind.
    y = np.where(free, missing / free.sum(), 1.0)
    of_class = np.bincount(problem.kind, weights=y, minlength=len(problem.distance))
    field = curvature * y - problem.pair_weight * (problem.distance @ of_class)[problem.kind]
    energy = float(y @ field)
    best = Prices(field, np.inf, np.inf)
    for _ in range(STEPS):
        vertex = np.append(fixed, np.argpartition(np.where(free, field, np.inf), missing - 1)[:missing]).astype(int)
        toward = float(field[vertex].sum())
        half = 0.5 * curvature * k + 0.5 * energy
        if half - toward < best.bound:
            best = Prices(np.where(free, field, np.inf), half - float(field[fixed].sum()), half - toward)
        of_vertex = -problem.pair_weight * problem.distance[problem.kind[vertex]].sum(axis=0)[problem.kind]
        of_vertex[vertex] += curvature
        toward_itself = float(of_vertex[vertex].sum())
        bend = energy - 2 * toward + toward_itself
        if energy - toward < 1e-9 or bend <= 0:
            break
        size = min(1.0, (energy - toward) / bend)
        field = (1 - size) * field + size * of_vertex
        energy = (1 - size) ** 2 * energy + 2 * size * (1 - size) * toward + size**2 * toward_itself
    return best
