"""The plain rule for single-source scores: of each target the score of the best source, or the mean of all sources.

Scores are shrunk first, as far as they are noise: towards the means of their source and target, and of its relatives.
"""

from collections.abc import Sequence

import numpy as np

from mslt_cli.criteria.evidence import Evidence, Question
from mslt_cli.criteria.foretold import ScoresReader
from mslt_cli.errors import MissingFactsError
from mslt_cli.languages.pools import Member
from mslt_cli.search.covers import Nearest
from mslt_cli.search.objective import ItemSum, Objective


class TransferReader(ScoresReader):
    """Reads the scores of the runs of one source."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lack = "no run that was trained on it alone"
        if not self.alone and self.runs is not None:
            about = self.runs.about
            raise MissingFactsError(
                f"No run of {self.runs.label} has a single source, and --by transfer reads such. "
                f"`mslt train --task {about.task} --model {about.model} --all-combinations -k 1` makes them."
            )

    def lacking(self, members: Sequence[Member]) -> list[int]:
        return [i for i, m in enumerate(members) if self.as_trained(m.language.iso639_3) not in self.alone]

    def evidence(self, question: Question) -> Evidence:
        aim, k = question.aim, question.wanted.k
        self.refuse_mix(aim)
        model = self.fit_model(question)
        text, _ = self.describe(model)
        languages = model.observations.languages
        place = [languages.index(self.as_trained(code)) for code in question.pool.codes]
        asked = [model.observations.targets.index(target) for target in self.targets(aim)]
        scores = 100 * model.predict(np.eye(len(languages))[place]).by_target[:, asked]  # (n, T)
        best = Nearest(scores)
        objective: Objective = ItemSum(scores.mean(axis=1) / k) if aim.mean else best
        unit = "mean score of the sources, %" if aim.mean else "mean over targets of the best source's score, %"
        return Evidence(self.criterion, objective, unit, text, toward=best if aim.targets else None)
