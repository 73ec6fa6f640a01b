"""`search_combinations`: trains, run after run, what tells most about which combination of languages is the best."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from mslt_cli.errors import MsltError, UsageError
from mslt_cli.foretelling.design import (
    LEAST_REPEATS,
    ONE_REPEAT_IN,
    Combination,
    DesignedRun,
    ScorePrior,
    design_runs,
)
from mslt_cli.foretelling.model import ScoreModel, fit
from mslt_cli.foretelling.next_runs import CHANCE, Decision, judge, most_telling, worth_weighing
from mslt_cli.foretelling.observations import LEAST_COMBINATIONS, equal_shares
from mslt_cli.inference.distributions import NORMAL
from mslt_cli.progress import QUIET, Progress
from mslt_cli.results.observations import ObservedRuns
from mslt_cli.runs.experiment import do_runs
from mslt_cli.runs.how import How
from mslt_cli.runs.plan import Experiment
from mslt_cli.runs.recipe import Recipe, plan_recipe
from mslt_cli.runs.session import Session

DRAWS = 4_000
"""Joint draws of the true scores that a decision rests on."""
Reason = Literal["certain", "alike", "runs"]
"""Why a search ends: no other combination is likely so much better; combinations hardly differ; no run is left."""


@dataclass(frozen=True)
class Standing:
    """What the runs of a search say so far."""

    observed: ObservedRuns
    counted: int
    """Runs of the k asked for; others cost nothing."""
    model: ScoreModel
    weighed: tuple[Combination, ...]
    """N: all combinations of a small pool, of a large one those that may be the best, and some others."""
    decision: Decision
    reason: Reason | None
    """None: it goes on."""
    upcoming: tuple[DesignedRun, ...]
    """What is to be trained next."""


class Found(NamedTuple):
    """What a search came to."""

    recipe: Recipe
    standing: Standing
    runs_at_most: int
    stop_within: float
    known: frozenset[str]
    """Ids of the runs that were there; all others were trained."""


def search_combinations(
    store: Path,
    experiment: Experiment,
    pool: Sequence[str],
    k: int = 3,
    *,
    runs_at_most: int,
    stop_within: float = 1.0,
    root: Path,
    how: How = How(),
    progress: Progress = QUIET,
    at_once: int = 1,
    helped: Callable[[Experiment], AbstractContextManager[None]] = lambda _: nullcontext(),
) -> Found:
    """Train until it is clear enough which k languages of a pool to train on.

    It begins with a design, fits the model of scores (`foretelling`) after each run, and trains next what makes the
    best expected score highest on average. What comes next follows from the runs that are done: the same call again
    goes on.

    Args:
        store: path of the store, which knows the runs that are done.
        experiment: task, model, budget, settings and targets of all runs, and the seeds that combinations are trained
            with in turn; others follow. Its sources do not count.
        pool: languages, in any spelling.
        runs_at_most: on combinations of k, those that are done included. Runs on more or fewer languages of the pool
            count as evidence and cost nothing.
        stop_within: points. It ends when the chance that any other combination is better by more is under 5 %, or when
            one taken blindly is no more than that behind on average, and the runs do not show that combinations differ.
        root, how: as in `train`.
        at_once: runs that are chosen together.
        helped: a context in which others help to train some runs.

    Returns:
        The choice with all that it rests on.

    Raises:
        UsageError: `runs_at_most` is too small for learning anything, or as `plan_recipe`.
        MsltError: a run failed, or the store cannot be written; the others are kept.
    """
    if not stop_within >= 0 or np.isinf(stop_within):
        raise UsageError(f"--stop-within is {stop_within:g}; it has to be 0 or more points.")
    if how.no_wait or how.no_index:
        raise UsageError(
            "--no-wait and --no-index are for plans; a search needs the scores of all its runs. Leave them out."
        )
    recipe = plan_recipe(experiment, pool, k, device=how.device, progress=progress)
    search = _Search(store, recipe, k, runs_at_most, stop_within)
    progress.remark(
        f"search for the best {k} of {len(recipe.pool)} languages: {recipe.label}, judged by "
        f"{len(recipe.targets)} targets"
    )
    session = Session(experiment.model, device=how.device, progress=progress)
    for runs in search.batches(at_once, progress):
        batch = recipe.experiment_of(runs)
        with helped(batch):
            finished = do_runs(store, batch, root=root, how=how, progress=progress, session=session)
        for item in finished:
            if item.error is not None:
                raise MsltError(f"The search stops, for {item.planned.spec.title} failed: {item.error}")
    assert search.standing is not None
    return Found(recipe, search.standing, runs_at_most, stop_within, search.known)


def first_number(languages: int, k: int, runs_at_most: int) -> int:
    """How many runs a search begins with, before it looks at scores: a run for each language, and repeats.

    Raises:
        UsageError: with so few runs, or combinations, nothing can be learned.
    """
    if comb(languages, k) < LEAST_COMBINATIONS:
        raise UsageError(
            f"{languages} languages make {comb(languages, k)} combinations of {k}, too few for foretelling any. "
            "Train them all: --all-combinations --seed 0..4."
        )
    least = max(-(-languages // k), LEAST_COMBINATIONS) + 1
    if runs_at_most < least:
        raise UsageError(
            f"--runs-at-most is {runs_at_most}, and at least {least} are needed: each of {languages} languages has "
            "to occur, and one combination to be trained twice. Give more, or a smaller --pool."
        )
    wanted = languages + max(LEAST_REPEATS, languages // ONE_REPEAT_IN)
    return wanted if wanted < runs_at_most else max(3 * runs_at_most // 4, least)


class _Search:
    """What is known and what comes next; both follow from the runs that the store knows."""

    def __init__(self, store: Path, recipe: Recipe, k: int, at_most: int, within: float) -> None:
        self.store, self.recipe, self.k, self.at_most, self.within = store, recipe, k, at_most, within
        self.size, self.seed = len(recipe.pool), recipe.seeds[0]
        self.first = first_number(self.size, k, at_most)
        self.prior = ScorePrior(kinship=recipe.kinship(store))
        there = recipe.find_done(store)
        self.known = frozenset(run.run_id for run in there.runs) if there is not None else frozenset()
        self.designs: dict[tuple[DesignedRun, ...], list[DesignedRun]] = {}
        """By the runs of other sizes that are done: what is chosen beside them."""
        self.standing: Standing | None = None

    def _missing(self, done: Sequence[DesignedRun]) -> list[DesignedRun]:
        """The runs to begin with that are not done."""
        others = tuple(run for run in done if len(run.combination) != self.k)
        if others not in self.designs:
            self.designs[others] = self._design(others)
        design = self.designs[others]
        if not set(done) <= {*design, *others}:
            design = self._design(done)
        return [run for run in design if run not in done]

    def _design(self, done: Sequence[DesignedRun]) -> list[DesignedRun]:
        """The runs to begin with, where some are done."""
        return design_runs(self.size, (self.k,), self.first, done=done, prior=self.prior, seed=self.seed)

    def batches(self, at_once: int, progress: Progress) -> Iterator[tuple[DesignedRun, ...]]:
        """The runs to train together, until the search ends; `standing` has the last state then."""
        upcoming: tuple[DesignedRun, ...] = ()
        while True:
            observed = self.recipe.find_done(self.store)
            done = self.recipe.as_designed(observed)
            if not set(upcoming) <= set(done):
                raise MsltError(f"The search stops: {self.store} does not have the runs that were just trained.")
            counted = sum(len(run.combination) == self.k for run in done)
            most = min(at_once, max(0, self.at_most - counted))
            missing = self._missing(done) if counted < self.first else []
            if missing and most:
                upcoming = tuple(missing[:most])
                progress.remark(self._say_beginning(observed, upcoming, counted))
            else:
                assert observed is not None
                self.standing = self._weigh(observed, done, counted, most)
                upcoming = self.standing.upcoming
                progress.remark(self._say_standing(self.standing))
            if not upcoming:
                return
            yield upcoming

    def _weigh(self, observed: ObservedRuns, done: Sequence[DesignedRun], counted: int, most: int) -> Standing:
        """What all runs say, and which come next."""
        model = fit(observed.observations)
        weighed, usual = worth_weighing(lambda shares: model.predict(shares)[:2], self.size, self.k, seed=self.seed)
        shares = equal_shares(weighed, self.size)
        draws = model.draw(shares, DRAWS, self.seed)
        decision = judge(draws, self.within, usual)
        reason: Reason | None = None
        if decision.p_better < CHANCE:
            reason = "certain"
        elif decision.of_any <= self.within and not model.signal.p < CHANCE:
            reason = "alike"
        elif not most:
            reason = "runs"
        upcoming: list[DesignedRun] = []
        for i in most_telling(draws, model.noise(shares), most) if reason is None else ():
            there = {*done, *upcoming}
            draw = next(draw for draw in range(len(there) + 1) if DesignedRun(weighed[i], draw) not in there)
            upcoming.append(DesignedRun(weighed[i], draw))
        return Standing(observed, counted, model, tuple(weighed), decision, reason, tuple(upcoming))

    def _say_beginning(self, observed: ObservedRuns | None, upcoming: Sequence[DesignedRun], counted: int) -> str:
        return f"{counted} of at most {self.at_most} runs, the first {self.first} a design; next {self._name(upcoming)}"

    def _say_standing(self, standing: Standing) -> str:
        decision, combination = standing.decision, standing.weighed[standing.decision.chosen]
        mean, sd = standing.model.predict(equal_shares([combination], self.size))[:2]
        return (
            f"{standing.counted} of at most {self.at_most} runs: best so far {self.recipe.name(combination)} "
            f"{100 * mean[0]:.1f} ±{100 * NORMAL[90] * sd[0]:.1f}, P {decision.p_best[decision.chosen]:.2f}; another "
            f"is more than {self.within:g} better with P {decision.p_better:.2f}"
        ) + (f"; next {self._name(standing.upcoming)}" if standing.upcoming else "")

    def _name(self, runs: Sequence[DesignedRun]) -> str:
        """ "de,en,fr, and de,fr,zh (seed 1)"."""
        seeds = [self.recipe.seed_of(run.draw) for run in runs]
        names = [self.recipe.name(run.combination) for run in runs]
        return " and ".join(
            name + (f" (seed {seed})" if seed != self.seed else "") for name, seed in zip(names, seeds, strict=True)
        )
