"""A seeded random order: the baseline that a criterion has to beat."""

from mslt_cli.criteria.evidence import Evidence, Question, Reader
from mslt_cli.search.objective import Lot


class ChanceReader(Reader):
    """Reads nothing."""

    def evidence(self, question: Question) -> Evidence:
        self.refuse_cover(question.aim)
        wanted = question.wanted
        lot = Lot(wanted.n, wanted.k, question.seed, wanted.fixed)
        return Evidence(self.criterion, lot, self.criterion.unit, f"seed {question.seed}")
