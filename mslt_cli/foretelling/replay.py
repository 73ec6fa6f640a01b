"""What the choice of a combination would have cost after some of the runs that there are."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mslt_cli.foretelling.model import fit
from mslt_cli.foretelling.observations import Observations

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Replay(NamedTuple):
    """After a number of runs, of each replay: by how many points the choice lies below the best; shape (replays,)."""

    runs: int
    by_model: Floats
    by_best: Floats
    """Of the choice of the combination that scored best so far."""


def replay_choices(observations: Observations, numbers: Sequence[int], *, replays: int) -> list[Replay]:
    """Take the runs in random orders, and after each number of them choose a combination out of those that have any.

    An order goes through all combinations, one run of each, before any has its second run. Orders are those of the
    seeds 0, 1, …: the same runs give the same numbers. The best combination is the one with the highest mean over all
    its runs. What is chosen is scored by its runs that are not taken, lest it gain by the luck that it was chosen for;
    by all its runs where none is left.

    Args:
        observations: of R runs of three combinations or more.
        numbers: after how many runs, from 3 to R; where all are taken, one replay is enough.
        replays: how many orders.
    """
    runs = len(observations.draws)
    everything = np.ones(runs, bool)
    truth = _means(observations, everything)
    orders = [_order(observations.combination_of, np.random.default_rng(seed)) for seed in range(replays)]
    results = []
    for number in numbers:
        costs = []
        for order in orders[: 1 if number == runs else replays]:
            taken = ~everything
            taken[order[:number]] = True
            left = _means(observations, ~taken)
            scored = np.where(np.isfinite(left), left, truth)
            costs.append([truth.max() - scored[chosen] for chosen in _choose(observations, taken)])
        by_model, by_best = 100 * np.array(costs).T
        results.append(Replay(number, by_model, by_best))
    return results


def _order(combination_of: Ints, rng: np.random.Generator) -> Ints:
    """The runs at random, shape (R,): first one of each combination, then a second one of each, and so on."""
    order = rng.permutation(len(combination_of))
    seen = np.zeros(combination_of.max() + 1, np.int64)
    rounds = []
    for run in order:
        rounds.append(seen[combination_of[run]])
        seen[combination_of[run]] += 1
    return order[np.argsort(rounds, kind="stable")]


def _choose(observations: Observations, taken: NDArray[np.bool_]) -> tuple[int, int]:
    """The place of the combination that is foretold to be best by the runs that are taken, and of the best of these."""
    predicted = fit(observations.chosen(taken)).predict(observations.combinations).mean
    return int(predicted.argmax()), int(_means(observations, taken).argmax())


def _means(observations: Observations, taken: NDArray[np.bool_]) -> Floats:
    """The mean score of each combination over the runs that are taken, shape (C,); −∞ where it has none."""
    places, n = observations.combination_of[taken], len(observations.combinations)
    count = np.bincount(places, minlength=n)
    total = np.bincount(places, observations.scores[taken].mean(axis=1), minlength=n)
    means: Floats = np.divide(total, count, out=np.full(n, -np.inf), where=count > 0)
    return means
