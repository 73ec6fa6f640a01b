"""Ranks combinations by the mean of their ranks under several objectives (Borda)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mslt_cli.search.competition import competition_ranks
from mslt_cli.search.constraints import Wanted
from mslt_cli.search.exhaustive import all_sets
from mslt_cli.search.objective import Objective
from mslt_cli.search.ranking import Ranking, Row


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
    ranks, tied = competition_ranks(mean, least=True)
    order = np.lexsort((np.arange(len(sets)), ranks))[:top]
    rows = [Row(tuple(sets[i].tolist()), float(mean[i]), int(ranks[i]), int(tied[i])) for i in order]
    return Ranking(rows, True, "enumerated", 0.0, sets, mean)
