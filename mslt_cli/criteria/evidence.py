"""What `select` is asked, and what is known in answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria import Criterion
from mslt_cli.languages.pools import Member
from mslt_cli.search.covers import Nearest, TargetCoverage
from mslt_cli.search.objective import Objective

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Aim:
    """What a combination should do: be diverse, be near to the targets, or both."""

    targets: tuple[Member, ...] = ()
    cover: float = 0.0
    """Share of nearness to the targets in the value, 0..1: 0 = diverse (the paper's), 1 = cover."""
    smallest: bool = False
    """Whether diversity is the smallest pair distance instead of their sum."""


@dataclass(frozen=True)
class Measured:
    """Which measurements of which model the criteria `vocab`, `embedding` and `size` read."""

    model: str | None = None
    task: str | None = None
    corpus: str | None = None
    split: str | None = None
    limit: int | None = None
    layer: int | None = None
    prefix: str = ""
    special_tokens: bool = True


@dataclass(frozen=True)
class Evidence:
    """What one criterion knows about the pool."""

    criterion: Criterion
    objective: Objective
    unit: str
    provenance: str
    """Where its facts are from, with versions."""
    measured: Floats | None = None
    """Share of each language's vector that was observed, 0..1, shape (n,); None if it reads no vectors."""
    toward: Nearest | TargetCoverage | None = None
    """How the pool's languages stand to the targets, if there are any and the criterion can tell."""
