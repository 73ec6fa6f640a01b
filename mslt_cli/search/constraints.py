"""Which combinations are asked for: their size, what they must hold, and quotas."""

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search import Ints


@dataclass(frozen=True)
class Caps:
    """At most `most` members of a set may carry the same label; labels of shape (n,)."""

    labels: Ints
    most: int


@dataclass(frozen=True)
class Wanted:
    """Sets of k out of n items that hold all of `fixed` and keep to every cap."""

    n: int
    k: int
    fixed: tuple[int, ...] = ()
    caps: tuple[Caps, ...] = ()

    @property
    def total(self) -> int:
        """How many sets there are before quotas: C(n − fixed, k − fixed)."""
        return comb(self.n - len(self.fixed), self.k - len(self.fixed))

    def full(self, sets: Ints, items: Ints) -> NDArray[np.bool_]:
        """Which items a quota keeps from joining each set, shapes (b, s) and (c,) → (b, c)."""
        full = np.zeros((len(sets), len(items)), dtype=np.bool_)
        for cap in self.caps:
            count = int(cap.labels.max()) + 1
            cells = np.arange(len(sets))[:, None] * count + cap.labels[sets]
            held = np.bincount(cells.ravel().astype(np.int64), minlength=len(sets) * count).reshape(len(sets), count)
            full |= held[:, cap.labels[items]] >= cap.most
        return full

    def permits(self, sets: Ints) -> NDArray[np.bool_]:
        """Which sets, of any one size, keep to the caps: shape (b, s) → (b,)."""
        fine = np.ones(len(sets), dtype=bool)
        for cap in self.caps:
            labels = np.sort(cap.labels[sets], axis=1)
            if labels.shape[1] > cap.most:
                fine &= ~(labels[:, cap.most :] == labels[:, : -cap.most]).any(axis=1)
        return fine
