"""The noise that the scores alone do not show: the luck of test items that several targets share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Right = Sequence[NDArray[np.bool_]]
"""By target: which of its rows a run answered right, shape (rows,)."""


class Noise(NamedTuple):
    """A mean square, which is an expected variance, and its degrees of freedom; 0 of them: it is not known."""

    square: float
    freedom: float


@dataclass(frozen=True)
class SharedItems:
    """What runs answered to items that several targets share, as translations do; of one target, to its items."""

    right: Mapping[Any, Mapping[Any, Right]]
    """By combination and by what was drawn for a run, as the scores of a crossed design; all have the same rows."""
    items: Sequence[NDArray[np.int64]]
    """By target: the item of each row, from 0; shape (rows,)."""

    @cached_property
    def count(self) -> int:
        """How many different items there are."""
        return len(np.unique(np.concatenate(self.items)))

    @cached_property
    def noise(self) -> Noise:
        """Of the mean of a combination over its seeds: the covariance of two of its targets that the items make.

        An item that a combination finds easy in one target it finds easy in others, and other items would have been
        others. Of one target it is the variance that the items make. Items that a run alone finds easy are taken out as
        far as seeds are repeated, for they are in the noise of runs; items of one target alone are in the noise of
        combination by target. So the three noises add up, and count nothing twice.

        Source:
            Moments of the linear part of the mean, clustered by item (Cameron, Gelbach and Miller 2011, for clustering
            by two factors); the analysis of variance is that of the scores.
        """
        n, size = len(self.right), 1 + max(int(items.max()) for items in self.items)
        shape, runs_in_all = (len(self.items), size), 0
        total, by_draw = np.zeros(shape), dict[Any, Floats]()
        between = within = 0.0
        for of_draw in self.right.values():
            mean = np.zeros(shape)
            for draw, right in of_draw.items():
                moved = self._moved(right, size)
                within += _products(moved)
                mean += moved / len(of_draw)
                by_draw[draw] = by_draw.get(draw, 0.0) + moved / n
            within -= len(of_draw) * _products(mean)
            between += _products(mean)
            total += mean / n
            runs_in_all += len(of_draw)
        spare = runs_in_all - n
        if n > 1 and runs_in_all == n * len(by_draw):  # all have the same draws, whose effects cancel out
            within -= n * (sum(map(_products, by_draw.values())) - len(by_draw) * _products(total))
            spare -= len(by_draw) - 1
        scale = self.count / max(self.count - 1, 1)
        between = (between - n * _products(total)) / max(n - 1, 1)
        of_runs = within / spare * float(np.mean([1 / len(of_draw) for of_draw in self.right.values()])) if spare else 0
        return Noise(max(0.0, scale * (between - of_runs)), (n - 1) * (self.count - 1))

    def _moved(self, right: Right, size: int) -> Floats:
        """How far each item moves a run's score on each target: shape (T, size), rows sum to 0."""
        parts = np.concatenate([(answers - answers.mean()) / len(answers) for answers in right])
        places = np.concatenate([target * size + items for target, items in enumerate(self.items)])
        moved: Floats = np.asarray(np.bincount(places, parts, len(right) * size), np.float64).reshape(len(right), size)
        return moved


def _products(moved: Floats) -> float:
    """The mean over pairs of targets of the products, summed over items; of one target, of its squares."""
    targets, squares = len(moved), float((moved**2).sum())
    if targets == 1:
        return squares
    return (float((moved.sum(axis=0) ** 2).sum()) - squares) / (targets * (targets - 1))
