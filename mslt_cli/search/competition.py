"""Ranked combinations: what a search returns, and competition ranks of values, with ties."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mslt_cli.search.best import TIE


@dataclass(frozen=True)
class Row:
    """One ranked combination: positions in the pool, value, competition rank, and how many share it."""

    items: tuple[int, ...]
    value: float
    rank: int
    tied: int | None


@dataclass(frozen=True)
class Ranking:
    """The first combinations of a pool.

    Attributes:
        rows: best first; ties in lexicographic order.
        exact: whether these are certainly the first ones.
        proof: "enumerated", "branch-and-bound", or "bound" (a bound on all others met or stated).
        gap: how much better than the first row another combination can be, as a share of its value.
        sets: all combinations in lexicographic order where they were enumerated, shape (b, k).
        values: their values, shape (b,).
    """

    rows: list[Row]
    exact: bool
    proof: str
    gap: float
    sets: NDArray[np.int64] | None = None
    values: NDArray[np.float64] | None = None


def first_rows(sets: NDArray[np.int64], values: NDArray[np.float64], *, top: int, least: bool = False) -> Ranking:
    """Rank all combinations by their values; sets in lexicographic order, shape (b, k), values (b,)."""
    ranks, tied = competition_ranks(values, least=least)
    order = np.lexsort((np.arange(len(sets)), ranks))[:top]
    rows = [Row(tuple(sets[i].tolist()), float(values[i]), int(ranks[i]), int(tied[i])) for i in order]
    return Ranking(rows, True, "enumerated", 0.0, sets, values)


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
