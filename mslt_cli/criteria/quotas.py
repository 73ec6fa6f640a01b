"""Quotas: how many languages of one family or writing system a combination may hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mslt_cli.criteria.request import Candidates
from mslt_cli.criteria.writing import writing_system
from mslt_cli.errors import UsageError
from mslt_cli.languages.pools import Pool
from mslt_cli.languages.resolver import Language
from mslt_cli.search.constraints import Caps


@dataclass(frozen=True)
class Quotas:
    """At most so many languages of one top-level family, and at most one of each writing system."""

    max_per_family: int | None = None
    distinct_scripts: bool = False

    def __post_init__(self) -> None:
        if self.max_per_family is not None and self.max_per_family < 1:
            raise UsageError(f"--max-per-family is {self.max_per_family}; it has to be at least 1.")

    def leave_out_unknown(self, candidates: Candidates) -> None:
        """Leave out the languages that a quota cannot be applied to."""
        for what, label_of, _ in self._labels():
            lacking = [i for i, member in enumerate(candidates.pool.members) if not label_of(member.language)]
            candidates.leave_out(lacking, f"no known {what}")

    def caps(self, pool: Pool) -> tuple[Caps, ...]:
        """The quotas as caps on labels of the pool."""
        return tuple(
            Caps(np.unique([label_of(m.language) for m in pool.members], return_inverse=True)[1], most)
            for _, label_of, most in self._labels()
        )

    def _labels(self) -> list[tuple[str, Callable[[Language], str], int]]:
        """What is capped: its name, the label of a language (empty = unknown), and how many may share one."""
        labels: list[tuple[str, Callable[[Language], str], int]] = []
        if self.max_per_family is not None:
            labels.append(("family", lambda language: language.family or "", self.max_per_family))
        if self.distinct_scripts:
            labels.append(("script", lambda language: writing_system(language.script or ""), 1))
        return labels
