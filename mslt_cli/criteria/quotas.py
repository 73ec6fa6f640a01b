"""Quotas: how many languages of one family or writing system a combination may hold."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mslt_cli.criteria.writing import writing_system
from mslt_cli.errors import UsageError
from mslt_cli.languages.pools import Pool
from mslt_cli.languages.resolver import Language
from mslt_cli.search.constraints import Caps


class Quota(NamedTuple):
    """At most `most` languages that share a label."""

    what: str
    label_of: Callable[[Language], str]
    """Empty = unknown."""
    most: int

    def caps(self, pool: Pool) -> Caps:
        """The quota on the positions of a pool."""
        labels = [self.label_of(member.language) for member in pool.members]
        return Caps(np.unique(labels, return_inverse=True)[1], self.most)


def read_quotas(max_per_family: int | None, distinct_scripts: bool) -> list[Quota]:
    """At most so many languages of one top-level family, and at most one of each writing system."""
    quotas = []
    if max_per_family is not None:
        if max_per_family < 1:
            raise UsageError(f"--max-per-family is {max_per_family}; it has to be at least 1.")
        quotas.append(Quota("family", lambda language: language.family or "", max_per_family))
    if distinct_scripts:
        quotas.append(Quota("script", lambda language: writing_system(language.script or ""), 1))
    return quotas
