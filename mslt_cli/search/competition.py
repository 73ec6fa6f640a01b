"""Competition ranks of values, with ties."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.best import TIE


def competition_ranks(
    values: NDArray[np.float64], *, least: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ranks 1, 2, 2, 4 and the number of equals of each; neighbours within `TIE` are equal. Shape (b,) each."""
    if not len(values):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    signed = values if least else -values
    order = np.argsort(signed, kind="stable")
    new = np.append(True, np.diff(signed[order]) > TIE)
    group = np.cumsum(new) - 1
    first = np.flatnonzero(new)
    size = np.diff(np.append(first, len(values)))
    ranks, tied = np.empty(len(values), dtype=np.int64), np.empty(len(values), dtype=np.int64)
    ranks[order], tied[order] = first[group] + 1, size[group]
    return ranks, tied
