"""The scores that finished runs foretell of every combination; and what it takes to read these runs.

Source:
    Equal shares of k languages as a point of a mixture design: Scheffé 1958, Experiments with mixtures.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mslt_cli.criteria.evidence import Evidence, Question, Reader
from mslt_cli.criteria.forecast import Forecast
from mslt_cli.criteria.request import Aim, listed
from mslt_cli.criteria.score_matrix import read_score_matrix
from mslt_cli.errors import UsageError
from mslt_cli.foretelling.model import ScoreModel, fit
from mslt_cli.foretelling.observations import Observations
from mslt_cli.languages.pools import Member
from mslt_cli.languages.subtags import standard
from mslt_cli.results.kinship import SCALES, typological_similarity
from mslt_cli.results.observations import RunsAsked, choose_runs, observe
from mslt_cli.results.trained import draw_of, name_seeds
from mslt_cli.store.language_vectors import without_vector
from mslt_cli.store.languages import resolver, written_codes

MOST_LANGUAGES = 250
"""In a pool: the time for the model grows with their cube, to half a minute here."""


class ScoresReader(Reader):
    """Reads the runs that are meant, or a matrix of single-source scores in their place."""

    def __post_init__(self) -> None:
        measured = self.measured
        self.runs = self.matrix = None
        self.code = written_codes(self.store)
        if measured.matrix is not None:
            if measured.source or measured.examples or measured.where:
                raise UsageError("--matrix takes the place of runs: leave --source, --examples and --where out.")
            self.matrix = read_score_matrix(measured.matrix, resolver(self.store))
            self.notes = self.matrix.notes
            self.trained, self.known_targets = {*self.matrix.sources}, self.matrix.targets
            self.alone = self.trained
        else:
            asked = RunsAsked(measured.source, measured.task, measured.model, None, measured.examples, measured.where)
            self.runs = choose_runs(self.store, asked)
            self.notes = tuple(f"{self.runs.label}: {note.rstrip('.')}." for note in self.runs.notes)
            self.known_targets = self.runs.found.targets
            self.trained = {source for run in self.runs.found.runs for source in run.sources}
            self.alone = {run.sources[0] for run in self.runs.found.runs if len(run.sources) == 1}
        named = listed([self.code.get(target, target) for target in self.known_targets])
        lacking = "no run that was evaluated on it" if self.matrix is None else f"no column in {measured.matrix}"
        self.target_lack = f"{lacking}: there are scores on {named}"
        self.lack = "neither a run nor a vector, so that nothing is known of it"
        self.standard_of = {standard(code): code for code in sorted(self.trained)}

    def as_trained(self, code: str) -> str:
        """The code under which a language was trained on, which may be another one of the same language."""
        return code if code in self.trained else self.standard_of.get(standard(code), code)

    def targets(self, aim: Aim) -> tuple[str, ...]:
        """Those that are asked for, else all that the runs have; of a matrix, all that are no sources."""
        if aim.targets:
            return tuple(target.language.iso639_3 for target in aim.targets)
        targets = tuple(code for code in self.known_targets if self.matrix is None or code not in self.trained)
        if not targets:
            raise UsageError(
                f"Each target of {self.measured.matrix} is a source as well. Say by --target which are targets alone."
            )
        return targets

    def tested(self, members: Sequence[Member], aim: Aim) -> list[int]:
        targets = set(self.targets(aim))
        return [i for i, member in enumerate(members) if member.language.iso639_3 in targets]

    def lacking(self, members: Sequence[Member]) -> list[int]:
        codes = [self.as_trained(member.language.iso639_3) for member in members]
        unknown = {code for code in codes if code not in self.trained}
        for name in SCALES:
            unknown &= set(without_vector(self.store, name, [*unknown]))
        return [i for i, code in enumerate(codes) if code in unknown]

    def lacking_targets(self, targets: Sequence[Member]) -> list[int]:
        return [i for i, target in enumerate(targets) if target.language.iso639_3 not in self.known_targets]

    def fit_model(self, question: Question) -> ScoreModel:
        """The model of the runs, for the languages of a pool as well, and for the targets that are asked for."""
        languages = [self.as_trained(code) for code in question.pool.codes]
        if len(languages) > MOST_LANGUAGES:
            raise UsageError(
                f"--by {self.criterion.name} can foretell of up to {MOST_LANGUAGES} languages, and the pool has "
                f"{len(languages):,}. Choose a smaller pool."
            )
        targets = self.targets(question.aim)
        if self.runs is not None:
            observations = observe(
                self.store, self.runs.about, self.runs.label, self.runs.found, languages
            ).observations
        else:
            observations = self._observe_matrix(languages, targets)
        chosen = np.array([target in targets for target in observations.targets], np.float64)
        return fit(observations, weights=chosen / chosen.sum())

    def _observe_matrix(self, languages: Sequence[str], targets: Sequence[str]) -> Observations:
        """Each source that is no target as one run of it alone."""
        assert self.matrix is not None
        sources = [code for code in self.matrix.sources if code not in targets]
        every = tuple(sorted({*languages, *sources}))
        shares = np.array([[float(code == one) for code in every] for one in sources]).reshape(-1, len(every))
        return Observations(
            languages=every,
            targets=tuple(targets),
            shares=shares,
            scores=self.matrix.scores_of(sources, targets, self.code),
            draws=("matrix",) * len(sources),
            similarity=typological_similarity(self.store, every)[0],
        )

    def describe(self, model: ScoreModel) -> tuple[str, dict[str, Any]]:
        """What the model was fitted to, for people and for JSON."""
        used = [target for target, weight in zip(model.observations.targets, model.weights, strict=True) if weight]
        targets = [self.code.get(target, target) for target in used]
        if self.runs is None:
            n = len(model.observations.draws)
            facts = {"matrix": str(self.measured.matrix), "sources": n, "targets": targets}
            return f"single-source scores of {n} languages in {self.measured.matrix}", facts
        about, draws = self.runs.about, [draw_of(run) for run in self.runs.found.runs]
        whose = "own runs" if about.origin == "own" else "shipped runs"
        budget = draws[0][2]  # all have one
        text = (
            f"{len(model.observations.draws):,} {whose} of {self.runs.label} ({about.metric} on {about.split}, mean "
            f"over {', '.join(targets)}; {budget:,} examples; seeds {name_seeds(draws)})"
        )
        facts = {"source": "runs" if about.origin == "own" else about.origin, "task": about.task, "model": about.model}
        facts |= {"metric": about.metric, "split": about.split, "targets": targets, "examples": budget}
        return text, facts


class ForetoldReader(ScoresReader):
    """Foretells the score of each combination."""

    def evidence(self, question: Question) -> Evidence:
        if 0 < question.aim.cover < 1:
            raise UsageError("--lambda mixes distances with nearness, and runs foretell scores. Leave it out.")
        model = self.fit_model(question)
        text, facts = self.describe(model)
        languages = model.observations.languages
        place = np.array([languages.index(self.as_trained(code)) for code in question.pool.codes])
        forecast = Forecast(model, facts, place, question.seed)
        objective = forecast.objective(question.wanted.k)
        return Evidence(self.criterion, objective, self.criterion.unit, text, forecast=forecast)
