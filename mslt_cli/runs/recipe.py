"""What the runs of a design or a search share: pool, budget, settings and targets; and which runs of that there are."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import comb
from pathlib import Path
from typing import Any

import numpy as np

from mslt_cli.data.prepared import require_record
from mslt_cli.errors import UsageError
from mslt_cli.foretelling.design import Combination, DesignedRun
from mslt_cli.foretelling.observations import Floats
from mslt_cli.progress import QUIET, Progress
from mslt_cli.results.comparable import RECIPE, ComparableRuns
from mslt_cli.results.kinship import typological_similarity
from mslt_cli.results.observations import ObservedRuns, observe
from mslt_cli.runs.plan import Experiment, Planned, plan
from mslt_cli.store.db import open_store
from mslt_cli.store.runs import StoredEvaluation, StoredRun, find_runs, stored_scores

FAR = 1_000_000
"""Added to seeds that are none of those that a design or a search would take."""


@dataclass(frozen=True)
class Recipe:
    """Runs that differ in their sources, out of one pool, and in their seeds alone; see `plan_recipe`."""

    experiment: Experiment
    """Without sources; its budget is settled."""
    pool: tuple[str, ...]
    """L, ISO 639-3, sorted."""
    planned: tuple[Planned, ...]
    """Runs that have all languages of the pool between them."""
    seeds: tuple[int, ...]
    """That each combination begins with; others follow."""

    @property
    def label(self) -> str:
        """ "cldr with e5-small, 300 examples"."""
        spec = self.planned[0].spec
        return f"{spec.task.name} with {spec.model.name}, {spec.examples:,} examples"

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """What choices are judged by: the languages that all are evaluated on, without the pool; ISO 639-3."""
        common = set.intersection(*(set(item.evaluations[0].targets) for item in self.planned)) - set(self.pool)
        return tuple(sorted(common))

    def seed_of(self, draw: int) -> int:
        """The seed of a combination's run number `draw`: those that were asked for, then the ones that follow."""
        beyond = draw - len(self.seeds)
        return self.seeds[draw] if beyond < 0 else max(self.seeds) + 1 + beyond

    def experiment_of(self, runs: Iterable[DesignedRun]) -> Experiment:
        """What trains some runs."""
        seeds: dict[tuple[str, ...], list[int]] = {}
        for run in runs:
            seeds.setdefault(self.languages(run.combination), []).append(self.seed_of(run.draw))
        return replace(self.experiment, sources=[*seeds], seeds=seeds)

    def languages(self, combination: Combination) -> tuple[str, ...]:
        """ISO 639-3 codes, sorted."""
        return tuple(self.pool[i] for i in combination)

    def name(self, combination: Combination) -> str:
        """ "de,en,fr": as the data set writes it."""
        return ",".join(sorted(self.planned[0].spec.task.code(x) for x in self.languages(combination)))

    def kinship(self, store: Path) -> Floats:
        """Prior correlation of the languages' effects, shape (L, L)."""
        with open_store(store) as opened:
            return (np.eye(len(self.pool)) + typological_similarity(opened, self.pool)[0]) / 2

    def find_done(self, store: Path) -> ObservedRuns | None:
        """The runs of this recipe on languages of this pool that the store knows; None if there are none."""
        spec, evaluation = self.planned[0].spec, self.planned[0].evaluations[0]
        task = evaluation.task
        about = StoredEvaluation(
            task.variant, evaluation.part, evaluation.scoring, task.metric, spec.model.name, "own", 0
        )
        with open_store(store) as opened:
            scores: dict[str, dict[str, Any]] = {}
            rows = {target: require_record(task, target, evaluation.split).content_sha256 for target in self.targets}
            for score in stored_scores(
                opened, task=about.task, split=about.split, scoring=about.scoring, metric=about.metric, origin="own"
            ):
                if rows.get(score.target) == score.data_sha256:
                    scores.setdefault(score.run_id, {})[score.target] = score
            runs = [
                run
                for run in find_runs(opened, origin="own")
                if self._holds(run) and len(scores.get(run.run_id, ())) == len(self.targets)
            ]
            if not runs:
                return None
            found = ComparableRuns(runs, scores, self.targets, [])
            return observe(opened, about, self.label, found, self.pool)

    def _holds(self, run: StoredRun) -> bool:
        """Whether a run is of this recipe."""
        if (
            run.kind != "train"
            or run.unequal
            or run.examples != self.experiment.examples
            or not set(run.sources) <= set(self.pool)
        ):
            return False
        identities, data = self._identities
        parts = [part for part in RECIPE if part != "pairing"]
        same = any(all(run.identity.get(part) == own.get(part) for part in parts) for own in identities)
        paired = run.identity.get("pairing") in (None, identities[0].get("pairing"))
        fixed = self.experiment.sampling.data_seed
        drawn = run.identity.get("data_seed") == (run.seed if fixed is None else fixed)
        return same and paired and drawn and all(data.get(key) == sha for key, sha in run.identity["data"].items())

    @cached_property
    def _identities(self) -> tuple[list[Mapping[str, Any]], Mapping[str, str]]:
        """What the runs share of their identity, as JSON holds it, under each id; and the checksums of all data."""
        data = {key: sha for item in self.planned for key, sha in item.spec.data.items()}
        identities = [item.spec.description["identity"] for item in self.planned[0].stand_ins]
        return json.loads(json.dumps(identities)), data

    def as_designed(self, observed: ObservedRuns | None) -> list[DesignedRun]:
        """Runs that are done as a design has them; a seed that is none of the next ones counts as one far away."""
        runs = observed.runs if observed is not None else ()
        draws = {self.seed_of(draw): draw for draw in range(len(runs) + len(self.seeds))}
        return [
            DesignedRun(
                tuple(self.pool.index(source) for source in run.sources),
                draws.get(run.seed or 0, FAR + (run.seed or 0)),
            )
            for run in runs
        ]


def plan_recipe(
    experiment: Experiment, pool: Sequence[str], k: int, *, device: str | None = None, progress: Progress = QUIET
) -> Recipe:
    """Check that combinations of k languages of a pool can be trained, and settle what their runs share.

    Args:
        experiment: its sources do not count; its seeds are of all combinations.
        pool: ISO 639-3 codes, or spellings of the task's languages.

    Raises:
        UsageError: k does not fit the pool, shares are unequal, or there is nothing to judge by.
        DataError, FetchError, UnknownNameError: as `plan`.
    """
    task = experiment.task
    pool = tuple(sorted(dict.fromkeys(task.languages_named(pool))))
    if not 1 <= k <= len(pool):
        raise UsageError(f"-k is {k}; the pool has {len(pool)} languages.")
    if comb(len(pool), k) == 1:
        raise UsageError(f"{k} of {len(pool)} languages leave no choice. Give a larger --pool, or a smaller -k.")
    if experiment.sampling.split is not None:
        raise UsageError(
            "--split is for single combinations; --design and --search choose among equal shares. Leave it out."
        )
    if experiment.processes > 1:
        raise UsageError("--design and --search choose runs of one process each. Leave torchrun out, or give --jobs.")
    starts = [*range(0, len(pool) - k + 1, k), *([len(pool) - k] if len(pool) % k else [])]
    windows = [pool[start : start + k] for start in starts]
    seeds = () if isinstance(experiment.seeds, Mapping) else tuple(dict.fromkeys(experiment.seeds))
    planned = plan(replace(experiment, sources=windows, seeds=seeds[:1]), device=device, progress=progress)
    if any(len(item.evaluations) != 1 for item in planned):
        raise UsageError("--design and --search judge runs by one task. Give one with --evaluate.")
    recipe = Recipe(replace(experiment, examples=planned[0].spec.examples), pool, tuple(planned), seeds)
    if not recipe.targets:
        raise UsageError(
            "No target is outside of the pool, and choices are judged by languages that no run is trained on."
        )
    return recipe
