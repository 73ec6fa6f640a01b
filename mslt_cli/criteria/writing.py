"""Writing systems."""

from collections.abc import Sequence

import numpy as np

from mslt_cli.criteria.evidence import Evidence, Question, Reader
from mslt_cli.languages.resolver import Language
from mslt_cli.search.objective import DistinctLabels

SAME_SYSTEM = {"Hans": "Hani", "Hant": "Hani", "Latf": "Latn", "Latg": "Latn"}
"""ISO 15924 codes that are variants of one system: Simplified and Traditional Chinese, Fraktur and Gaelic Latin."""


def writing_system(script: str) -> str:
    """The system that a script belongs to: itself, but for variants."""
    return SAME_SYSTEM.get(script, script)


def distinct_scripts(scripts: Sequence[str]) -> DistinctLabels:
    """Number of different writing systems in a combination; higher = more diverse.

    Args:
        scripts: ISO 15924 code of each of n languages.

    Source:
        Lim et al. 2024, §6.1 (Cases 1 to 3 of Table 4).
    """
    return DistinctLabels(np.unique([writing_system(script) for script in scripts], return_inverse=True)[1])


class WritingReader(Reader):
    """Reads each language's script."""

    def __post_init__(self) -> None:
        self.lack = "no known script"

    def knows(self, language: Language) -> bool:
        return language.script is not None

    def evidence(self, question: Question) -> Evidence:
        self.refuse_cover(question.aim)
        scripts = [member.language.script or "" for member in question.pool.members]
        return Evidence(self.criterion, distinct_scripts(scripts), self.criterion.unit, "data/langs")
