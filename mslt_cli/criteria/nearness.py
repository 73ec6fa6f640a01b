"""What criteria have in common that say how near sources are to targets, and nothing of how different sources are."""

import numpy as np
from numpy.typing import NDArray

from mslt_cli.criteria.evidence import Evidence, Question, Reader
from mslt_cli.errors import UsageError
from mslt_cli.search.covers import Nearest


def require_targets(reader: Reader, question: Question) -> None:
    """Refuse a question without targets, or one that mixes nearness with distances.

    Raises:
        UsageError: as above.
    """
    if not question.aim.targets:
        raise UsageError(
            f"{reader.criterion.name} says how near sources are to targets, and none is named. "
            "Name the languages to do well in with --target id,ko."
        )
    reader.refuse_mix(question.aim)


def nearness_evidence(reader: Reader, question: Question, similarity: NDArray[np.float64], provenance: str) -> Evidence:
    """Value combinations by the nearest source of each target; similarities of n sources to T targets, (n, T)."""
    same = question.one_language
    toward = Nearest(np.where(same, min(0.0, similarity.min()), similarity))
    return Evidence(reader.criterion, toward, reader.criterion.unit, provenance, toward=toward)
