"""A convex bound on all sets that go on from one: a price for each item that may join it.

As a function of the 0/1 vector x of the items that join, a set is worth `w + lᵀx + ½ xᵀGx`, l what each adds to the set
and G the gains of pairs. With `M = λI − G` positive semidefinite on the plane `Σx = m`, any y of that plane gives
`worth(x) ≤ w + ½λm + ½ yᵀMy − Σ_i x_i (My − l)_i`: no set is worth more than a constant less the prices `My − l` of its
items. Frank-Wolfe steps, toward the set of lowest prices and with exact line search, improve y.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mslt_cli.search import Floats, Ints
from mslt_cli.search.objective import MANY
from mslt_cli.search.problem import Problem


@dataclass(frozen=True)
class Prices:
    """No set is worth more than `constant` less the prices of its `missing` items; `bound` holds for all sets."""

    price: Floats
    constant: float
    bound: float
    missing: int

    def spare(self, need: float, known: int) -> float:
        """The most that `known` of a set's missing items may cost, if the set is to be worth `need`."""
        cheapest = np.sort(np.partition(self.price, self.missing - 1)[: self.missing])[: self.missing - known].sum()
        return self.constant - float(cheapest) - need


def convex_prices(
    problem: Problem,
    worth: float,
    items: Ints,
    linear: Floats,
    missing: int,
    need: float,
    steps: int,
    late: Callable[[], bool] = lambda: False,
) -> Prices | None:
    """Prices of the items of which `missing` join a set; None where worth is not known to be concave.

    `linear` is what each item adds to the set, shape (c,) as the items; 1 ≤ missing ≤ c. A bound below `need` is good
    enough; so is the one at hand once it is late.
    """
    curvature = problem.curvature
    if curvature is None:
        return None
    best = Prices(-linear, np.inf, np.inf, missing)
    field, energy, own = np.zeros(len(items)), 0.0, 0.0  # My, yᵀMy and lᵀy
    for step in range(steps + 1):
        price = field - linear
        vertex = np.argpartition(price, missing - 1)[:missing]
        if missing > MANY:
            of_vertex = -problem.pair_sums(items[vertex], items)
        else:
            of_vertex = -problem.pair_gains(items[vertex], items).sum(axis=0)
        of_vertex[vertex] += curvature
        toward, of_itself = float(field[vertex].sum()), float(of_vertex[vertex].sum())
        cheapest, size = float(price[vertex].sum()), 1.0
        if step:  # the first one only leads to a first y
            constant = worth + 0.5 * (curvature * missing + energy)
            if constant - cheapest < best.bound:
                best = Prices(price, constant, constant - cheapest, missing)
            descent, bend = energy - own - cheapest, energy - 2 * toward + of_itself
            if best.bound < need or descent < 1e-9 or bend <= 0 or late():
                break
            size = min(1.0, descent / bend)
        field = (1 - size) * field + size * of_vertex
        energy = (1 - size) ** 2 * energy + 2 * size * (1 - size) * toward + size**2 * of_itself
        own = (1 - size) * own + size * float(linear[vertex].sum())
    return best
