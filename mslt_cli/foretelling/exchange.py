"""What each language and each pair brings to combinations of k: parts that add up to what the model foretells."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from mslt_cli.foretelling.model import ScoreModel
from mslt_cli.foretelling.observations import Floats, equal_shares

DRAWS = 4000
"""Of the posterior: the ends of an interval are then known to some hundredths of its width."""


class Gains(NamedTuple):
    """In percentage points, with the ends of their 95 % intervals; each of shape (n,)."""

    mean: Floats
    low: Floats
    high: Floats


class Exchange(NamedTuple):
    """The score of a combination is the mean of all, and the gains of its languages, and those of its pairs."""

    languages: Gains
    """If a language takes the place of the mean one: mean over all that it may replace, and all that may be beside."""
    pairs: Gains
    """Beyond what the two bring, in the order of `itertools.combinations`; none where no two are free to be chosen."""


def weigh_exchanges(
    model: ScoreModel, k: int, pool: Sequence[int], *, fixed: Sequence[int] = (), seed: int = 0
) -> Exchange:
    """What languages and pairs bring to combinations of k at equal shares.

    Args:
        model: of L languages.
        k: languages in a combination, more than the fixed ones and fewer than all.
        pool: places of the n languages that are weighed, two or more; no fixed one.
        fixed: places of languages that are in every combination.
        seed: of the draws that the intervals are made of.

    Returns:
        Gains in the order of the pool; those of the languages sum to 0, and so do those of each language's pairs.

    Source:
        The split of a function of k out of n things into parts of one, two … : Hoeffding 1948.
    """
    n, free, languages = len(pool), k - len(fixed), len(model.observations.languages)
    places = [*pool, *fixed]
    halves = [*combinations(range(len(places)), 2)]
    shares = equal_shares([[place] for place in places] + [[places[a], places[b]] for a, b in halves], languages)
    values = np.vstack([model.predict(shares).mean, model.draw(shares, DRAWS, seed)])  # the first row is the mean
    own, (first, second) = values[:, : len(places)], np.array(halves).T
    blending = np.zeros((len(values), len(places), len(places)))  # of two halves beyond the two wholes
    blending[:, first, second] = 4 * values[:, len(places) :] - 2 * (own[:, first] + own[:, second])
    blending += blending.transpose(0, 2, 1)
    in_pool, with_fixed = blending[:, :n, :n], blending[:, :n, n:].sum(axis=2)
    shared = _centred(in_pool.sum(axis=2)) / max(n - 2, 1)  # what a language gains with whichever other
    worth = own[:, :n] / k + ((free - 1) * shared + with_fixed) / k**2
    left, right = np.array([*combinations(range(n), 2)]).T
    beyond = _centred(in_pool[:, left, right]) - shared[:, left] - shared[:, right]
    return Exchange(_gains(_centred(worth)), _gains(beyond / k**2 if free > 1 else beyond[:, :0]))


def _centred(values: Floats) -> Floats:
    centred: Floats = values - values.mean(axis=1, keepdims=True)
    return centred


def _gains(values: Floats) -> Gains:
    low, high = np.quantile(values[1:], (0.025, 0.975), axis=0)
    return Gains(100 * values[0], 100 * low, 100 * high)
