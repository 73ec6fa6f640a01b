"""The runs of one grid as arrays: shares of the languages, and scores on the targets."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import DataError, MsltError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEAST_COMBINATIONS = 3
"""From fewer different ones nothing is learned of others."""


class TooFewRunsError(MsltError):
    """The runs are too few for foretelling any others; says how many are needed."""


@dataclass(frozen=True)
class Observations:
    """The runs of one grid: one task, model, recipe and budget.

    Raises:
        DataError: a share or score is missing or out of range, or the shares of a run do not sum to 1.
    """

    languages: tuple[str, ...]
    """L, ISO 639-3: all that may be in a combination, with or without a run."""
    targets: tuple[str, ...]
    """T, ISO 639-3."""
    shares: Floats
    """Shape (R, L); rows sum to 1."""
    scores: Floats
    """Shape (R, T), 0..1."""
    draws: tuple[Hashable, ...]
    """Shape (R,): what was drawn for a run (its seeds). Runs of equal draws share what the draw does to all of them."""
    items: Floats | None = None
    """Shape (T,): the variance of a target's score that its test items alone make, 0..1 squared; None = not known."""
    similarity: Floats | None = None
    """Shape (L, L): typological, 0..1, positive semi-definite, 1 on the diagonal; None = languages borrow nothing."""

    def __post_init__(self) -> None:
        runs, expected = len(self.draws), (len(self.languages), len(self.targets))
        if self.shares.shape != (runs, expected[0]) or self.scores.shape != (runs, expected[1]) or not expected[1]:
            raise DataError(
                f"{runs} runs of {expected[0]} languages and {expected[1]} targets have shares of shape "
                f"{self.shares.shape} and scores of shape {self.scores.shape}. Give one row for each run, and a target."
            )
        if not np.isfinite(self.scores).all():
            run, target = np.argwhere(~np.isfinite(self.scores))[0]
            raise DataError(
                f"A run has no score on {self.targets[target]} (run {run + 1} of {runs}). "
                "Leave the run or the target out."
            )
        if runs and not (
            np.isfinite(self.shares).all()
            and (self.shares >= 0).all()
            and np.allclose(self.shares.sum(axis=1), 1, atol=1e-6)
        ):
            raise DataError("The shares of a run are not 0 or more with a sum of 1. Divide examples by their sum.")
        if self.similarity is not None and not np.isfinite(self.similarity).all():
            unknown = self.languages[int(np.flatnonzero(~np.isfinite(self.similarity).all(axis=1))[0])]
            raise DataError(f"The similarity of {unknown} to others is not known. Leave it out, or use no similarity.")

    @cached_property
    def combination_of(self) -> Ints:
        """Shape (R,): the place of each run's shares in `combinations`."""
        return np.unique(self.shares.round(9), axis=0, return_inverse=True)[1].reshape(-1)

    @cached_property
    def combinations(self) -> Floats:
        """The different shares that were trained, shape (C, L)."""
        return np.unique(self.shares.round(9), axis=0)

    def chosen(self, runs: NDArray[np.bool_]) -> "Observations":
        """Some of the runs, chosen by a mask of shape (R,)."""
        draws = tuple(draw for draw, kept in zip(self.draws, runs, strict=True) if kept)
        return replace(self, shares=self.shares[runs], scores=self.scores[runs], draws=draws)


def equal_shares(combinations: Sequence[Sequence[int]], languages: int) -> Floats:
    """Shares of combinations that are given by the places of their languages; shape (N, languages)."""
    shares = np.zeros((len(combinations), languages))
    for row, combination in zip(shares, combinations, strict=True):
        row[list(combination)] = 1 / len(combination)
    return shares
