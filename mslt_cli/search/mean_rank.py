"""Ranks combinations by the mean of their ranks under several objectives (Borda)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mslt_cli.search.competition import Ranking, competition_ranks, first_rows
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.exhaustive import all_sets
from mslt_cli.search.objective import Objective


def rank_by_mean_rank(objectives: Sequence[Objective], wanted: Wanted, *, top: int, least: bool) -> Ranking:
    """Value every combination under each objective and rank by the mean of its ranks, lowest first.

    Args:
        objectives: each has the same say.
        wanted: size, fixed languages and quotas; of few combinations, since all are listed.
        top: how many rows.
        least: under each objective the lowest value ranks first.
    """
    sets = all_sets(wanted)
    mean = np.mean([competition_ranks(objective.values(sets), least=least)[0] for objective in objectives], axis=0)
    return first_rows(sets, mean, top=top, least=True)
