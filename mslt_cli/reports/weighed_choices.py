"""What the model of a grid's runs says of choosing: the best combination, what others cost beside it, the next run."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import Literal, NamedTuple

import numpy as np

from mslt_cli.foretelling.design import Combination as Places
from mslt_cli.foretelling.model import ScoreModel
from mslt_cli.foretelling.next_runs import Decision, judge, most_telling, worth_weighing
from mslt_cli.foretelling.observations import Floats, equal_shares
from mslt_cli.inference.distributions import ALPHA, NORMAL
from mslt_cli.reports.cells import plural
from mslt_cli.reports.charts import WhatIf
from mslt_cli.reports.grid import Grid
from mslt_cli.reports.material import Material
from mslt_cli.results.outlook import Grounds, grounds_of
from mslt_cli.results.trained import Combination

CRITERION = "l2v-syntax"
"""That `mslt select` takes unless it is told another."""
ENGLISH = "eng"
WITHIN = 1.0
"""Points: a combination that may be better by less is not worth a training."""
DRAWS = 4_000
"""Of what combinations truly score."""


def pool_of(material: Material, grid: Grid) -> tuple[str, ...]:
    """What there is to choose from, ISO 639-3: what is asked for, or the pool of the grid, and what has to be in."""
    return tuple(sorted({*(material.request.pool or grid.pool(material.request.k)[0]), *material.request.include}))


class Option(NamedTuple):
    """What one may train on, and what that is foretold to score."""

    name: str
    """For people: "l2v-syntax"."""
    combinations: Sequence[Combination]
    """Several where they tie, then scores are means over them; none = all that may be taken at random."""
    mean: float
    """Percent."""
    half: float
    """Of the 90 % interval of the true score, points."""
    behind: float
    """By how many points it lies behind the first option, on average."""
    low: float
    """Of the 90 % interval of that."""
    high: float
    p_best: float | None
    """The chance that it is the best combination of its size; None where that is not asked."""

    @property
    def ends(self) -> tuple[float, float]:
        """Of the 90 % interval of the true score, percent: it is within 0 and 100."""
        return max(0.0, self.mean - self.half), min(100.0, self.mean + self.half)


@dataclass(frozen=True)
class WeighedChoices:
    """The combinations of k that a report is asked about, as the model of all runs of a grid sees them."""

    material: Material
    grid: Grid
    model: ScoreModel

    @property
    def k(self) -> int:
        return self.material.request.k

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """Of the model, ISO 639-3."""
        return self.model.observations.languages

    @cached_property
    def total(self) -> int:
        """How many combinations there are to choose from."""
        fixed = self.material.request.include
        return comb(len({*self._pool}.difference(fixed)), self.k - len(fixed))

    @property
    def n(self) -> int:
        """How many of them are weighed: all, or those that may be best and some others."""
        return len(self._weighed[0])

    @cached_property
    def _pool(self) -> Sequence[str]:
        return pool_of(self.material, self.grid)

    @property
    def untrained(self) -> list[str]:
        """Languages of the best combination that no run has: what their relatives do is foretold of them."""
        shares = dict(zip(self.languages, self.model.observations.shares.T, strict=True))
        return [language for language in self.best.combinations[0] if not shares[language].any()]

    def _places(self, languages: Sequence[str]) -> Places:
        return tuple(sorted(map(self.languages.index, languages)))

    @cached_property
    def _weighed(self) -> tuple[list[Places], list[int]]:
        """The combinations that are weighed, and the places of those that stand for all; see `worth_weighing`."""
        pool, fixed = self._places(self._pool), self._places(self.material.request.include)
        languages = len(self.languages)
        return worth_weighing(lambda x: self.model.predict(x)[:2], languages, self.k, pool=pool, fixed=fixed)

    @cached_property
    def combinations(self) -> list[Combination]:
        """Those that are weighed."""
        return [tuple(self.languages[i] for i in places) for places in self._weighed[0]]

    @cached_property
    def by_criterion(self) -> list[Combination]:
        """What the criterion chooses; several where they tie, none where it lacks something."""
        choices = self.material.choices(self.grid, self.material.request.include)
        chosen = next((one.most for one in choices if one.criterion == CRITERION and not one.problem), ())
        known = [languages for languages in chosen if {*languages} <= {*self.languages}]
        return known if self.k > 1 and len(known) < self.total else []  # of those that all tie it chooses none

    @cached_property
    def _shares(self) -> Floats:
        """Of the combinations that are weighed, of the criterion's, and of English alone where languages were alone."""
        alone = any(len(languages) == 1 for languages in self.grid.trained)
        english = [(ENGLISH,)] if alone and ENGLISH in self.languages and self.k > 1 else []
        others = map(self._places, [*self.by_criterion, *english])
        return equal_shares([*self._weighed[0], *others], len(self.languages))

    @cached_property
    def _draws(self) -> Floats:
        """What these truly score, drawn jointly, percent, shape (DRAWS, N)."""
        return 100 * self.model.draw(self._shares, DRAWS, 0)

    @cached_property
    def decision(self) -> Decision:
        """Among the combinations that are weighed."""
        return judge(self._draws[:, : self.n] / 100, WITHIN, self._weighed[1])

    @cached_property
    def grounds(self) -> Grounds:
        """What all this rests on."""
        return grounds_of(self.model, self.k)

    @cached_property
    def luck(self) -> float:
        """By how many points trained combinations of k measured more than is expected of them, on average.

        That is what the model takes for the luck of the seeds that they share; 0 where none was trained.
        """
        measured = [
            one for languages, one in self.grid.group(self.k).trained.items() if {*languages} <= {*self.languages}
        ]
        if not measured:
            return 0.0
        shares = equal_shares([self._places(one.languages) for one in measured], len(self.languages))
        return 100 * float(np.mean([one.mean for one in measured]) - self.model.predict(shares).mean.mean())

    @cached_property
    def best(self) -> Option:
        """The combination to take."""
        return self._option("by the runs", [self.combinations[self.decision.chosen]], [self.decision.chosen])

    @property
    def verdict(self) -> Literal["one is better", "alike", "too few runs"]:
        """Whether it is known that the best is better than one taken at random, or that it hardly is, or neither.

        It hardly is where `search_combinations` would stop for that reason.
        """
        if self.decision.of_any <= WITHIN and not self.model.signal.p < ALPHA:
            return "alike"
        return "one is better" if self.others[-1].low > 0 else "too few runs"

    @cached_property
    def others(self) -> list[Option]:
        """What one could take instead: the criterion's choice, English alone, a random combination."""
        n, m = self.n, len(self.by_criterion)
        others = [self._option(CRITERION, self.by_criterion, range(n, n + m))] if m else []
        if len(self._shares) > n + m:
            others.append(self._option("English alone", [(ENGLISH,)], [n + m]))
        return [*others, self._option("a random one, on average", [], self._weighed[1])]

    def _option(self, name: str, combinations: Sequence[Combination], rows: Sequence[int]) -> Option:
        """One that is the mean of some rows of the shares."""
        means = 100 * self.model.predict(self._shares).mean
        draws, first = self._draws[:, list(rows)].mean(axis=1), self.decision.chosen
        apart = self._draws[:, first] - draws
        low, high = map(float, np.quantile(apart, (0.05, 0.95)))
        mean, chances = float(means[list(rows)].mean()), dict(zip(self.combinations, self.decision.p_best, strict=True))
        p_best = chances.get(combinations[0]) if len(combinations) == 1 else None
        sd = 100 * float(self.model.predict(self._shares[list(rows)]).sd[0]) if len(rows) == 1 else float(draws.std())
        half = NORMAL[90] * sd
        shown = min(max(mean, 0.0), 100.0)
        return Option(name, combinations, shown, half, float(means[first]) - mean, low, high, p_best)

    def next_run(self) -> tuple[Combination, int]:
        """The sources and the seed of the run that makes the best expected score highest, on average."""
        (place,) = most_telling(self._draws[:, : self.n] / 100, self.model.noise(self._shares[: self.n]), 1)
        trained = self.grid.trained.get(self.combinations[place])
        seeds = {run.seed for run in trained.runs} if trained is not None else set()
        return self.combinations[place], next(seed for seed in range(len(seeds) + 1) if seed not in seeds)

    def what_if(self) -> WhatIf:
        """What a page ranks them by."""
        targets, code, measured, name = self.grid.targets, self.material.code, [], self.material.name
        foretold = self.model.predict(self._shares[: self.n])
        variance, of_one = (100 * foretold.sd) ** 2, (100 * foretold.by_target_sd[:, 0]) ** 2
        spread = (of_one - variance) / (1 - 1 / len(targets)) if len(targets) > 1 else 0 * variance
        for combination in self.combinations:
            one = self.grid.trained.get(combination)
            measured.append(f"{100 * one.mean:.2f} ({plural(len(one.runs), 'run')})" if one is not None else "")
        return WhatIf(
            label=self.grid.label,
            unit=f"{self.grid.about.metric}, %",
            names={code.get(x, x): name.get(x, x) for x in (*self.languages, *targets)},
            targets=[code.get(target, target) for target in targets],
            combinations=[self.grid.named(combination).split(",") for combination in self.combinations],
            means=(100 * foretold.by_target).tolist(),
            variance=variance.tolist(),
            spread=np.maximum(spread, 0).tolist(),
            measured=measured,
            out_of=self.total,
        )
