"""A grid: what all trained combinations scored on the targets that they share, under one budget and one recipe."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import DataError, UnknownNameError, UsageError
from mslt_cli.reports.statistics import Difference, detectable, paired_difference, tied_for_best
from mslt_cli.search.competition import competition_ranks
from mslt_cli.store.runs import StoredEvaluation, StoredRun, StoredScore

Floats = NDArray[np.float64]
Combination = tuple[str, ...]
"""ISO 639-3 codes, sorted."""
Draw = tuple[int, int, int]
"""Seed, seed of the sample, and budget: what runs of one combination differ in, and pairs runs of two."""
RECIPE = ("task", "model", "pairing", "oversample", "settings")
"""Parts of a run's identity that have to be the same in one grid; its data differ with its sources."""


@dataclass(frozen=True)
class Trained:
    """A combination, all seeds of it."""

    languages: Combination
    runs: tuple[StoredRun, ...]
    scores: Mapping[Draw, Floats]
    """By what was drawn, shape (T,), 0..1, in the order of the grid's targets."""
    half_widths: Floats
    """Of the 95 % intervals of the first run's scores, shape (T,)."""

    @cached_property
    def mean(self) -> float:
        """Over targets, then over seeds."""
        return float(np.mean([row.mean() for row in self.scores.values()]))

    @property
    def draws(self) -> tuple[Draw, ...]:
        """Sorted."""
        return tuple(sorted(self.scores))


@dataclass(frozen=True)
class GridName:
    """What tells a grid from the others of a report."""

    label: str
    """For people: "cldr, e5-small", with the split where there are several."""
    key: str
    """Its column in JSON and CSV: "cldr.e5-small.runs"; whatever else is needed for no two to be the same."""


def grid_names(every: Sequence[StoredEvaluation]) -> dict[StoredEvaluation, GridName]:
    """A name for each evaluation of a report, no two alike.

    A split is named where one task is evaluated on several with one model; a model by the end of its path, unless
    two end alike.
    """
    splits: dict[tuple[str, str, str], set[str]] = {}
    models: dict[str, set[str]] = {}
    for about in every:
        splits.setdefault((about.task, about.scoring, about.model), set()).add(about.split)
        models.setdefault(_end(about.model), set()).add(about.model)
    names = {}
    for about in every:
        split = about.split if len(splits[about.task, about.scoring, about.model]) > 1 else ""
        model = _end(about.model) if len(models[_end(about.model)]) == 1 else about.model
        scoring = f"({about.scoring})" if about.scoring else ""
        whose = "runs" if about.origin == "own" else about.origin
        names[about] = GridName(
            f"{' '.join(filter(None, (about.task, split, scoring)))}, {about.model}",
            ".".join(filter(None, (about.task, split, about.scoring, model, whose))),
        )
    return names


def _end(model: str) -> str:
    return model.rstrip("/").rsplit("/", 1)[-1]


@dataclass(frozen=True)
class Grid:
    """All combinations, of all sizes, by size and languages."""

    about: StoredEvaluation
    name: GridName
    examples: tuple[int, ...]
    """The budget; more than one where they were mixed on purpose."""
    targets: tuple[str, ...]
    """ISO 639-3 codes."""
    trained: Mapping[Combination, Trained]
    baseline: tuple[StoredRun, float] | None
    """The model as it is, and its mean, 0..1; where it was evaluated on the same targets."""
    rows: tuple[int, int]
    """Test rows of a target: fewest, most."""
    notes: tuple[str, ...]
    candidates: tuple[str, ...] = ()
    """The pool of the task that was trained for, ISO 639-3; empty where it has none."""

    @property
    def label(self) -> str:
        """See `GridName`."""
        return self.name.label

    def of_size(self, k: int, pool: Sequence[str] = (), include: Sequence[str] = ()) -> list[Trained]:
        """The combinations of k languages out of a pool (all, if none is given) that hold some languages."""
        return [
            trained
            for languages, trained in self.trained.items()
            if len(languages) == k and (not pool or set(languages) <= set(pool)) and set(include) <= set(languages)
        ]

    def pool(self, k: int) -> tuple[str, ...]:
        """The languages that combinations of k could have been made of, sorted.

        They are those of the task's pool, with any others that were trained on: two combinations of three do not make
        a pool of five. Where all combinations of some languages were trained, those languages were the pool.
        """
        some = [languages for languages in self.trained if len(languages) == k]
        used = {x for languages in some for x in languages}
        whole = len(used) > max(k, 2) and len(some) == math.comb(len(used), k)
        return tuple(sorted(used if whole else used | set(self.candidates)))

    def ranks(self, some: Sequence[Trained]) -> list[int]:
        """Competition ranks of some combinations among themselves, the highest mean first."""
        if not some:
            return []
        ranks, _ = competition_ranks(np.array([trained.mean for trained in some]), least=False)
        return [int(rank) for rank in ranks]

    def detectable(self) -> float:
        """See `statistics.detectable`; by the median over combinations, 0..1."""
        return float(np.median([detectable(list(trained.half_widths)) for trained in self.trained.values()]))


@dataclass(frozen=True)
class Contender:
    """A combination beside the best one."""

    trained: Trained
    rank: int
    behind: Difference
    """The best one less this one."""
    p_holm: float
    tied: bool
    """Whether it cannot be told from the best one."""


def contenders(grid: Grid, some: Sequence[Trained], *, intervals: bool = True) -> list[Contender]:
    """Some combinations, the best first, each with a test against the best one, paired over targets and seeds."""
    order = sorted(zip(grid.ranks(some), some, strict=True), key=lambda pair: (pair[0], pair[1].languages))
    best = order[0][1]
    differences = [paired_difference(best.scores, trained.scores, interval=intervals) for _, trained in order]
    corrected, tied = tied_for_best([trained.mean for _, trained in order], differences)
    return [
        Contender(trained, rank, difference, p, same)
        for (rank, trained), difference, p, same in zip(order, differences, corrected, tied, strict=True)
    ]


def make_grid(
    about: StoredEvaluation,
    name: GridName,
    runs: Iterable[StoredRun],
    scores: Iterable[StoredScore],
    *,
    examples: int | None = None,
    where: Mapping[str, str] | None = None,
    mix_budgets: bool = False,
    code: Mapping[str, str] | None = None,
    pools: Mapping[str, Sequence[str]] | None = None,
) -> Grid | None:
    """Put together what was scored in one way with one model.

    Args:
        about: task, split, scoring, metric, model, and whose runs.
        name: see `grid_names`.
        runs: any; those of another model or origin are passed over.
        scores: of that evaluation.
        examples: the budget; None = the one that all have.
        where: settings that runs must have, as text: {"learning_rate": "0.0001"}.
        mix_budgets: compare runs of different budgets all the same.
        code: of languages, to name them; ISO 639-3 where there is none.
        pools: by task that runs were trained for, the languages that it is usually trained on, ISO 639-3.

    Returns:
        None where no combination was trained.

    Raises:
        UnknownNameError: `where` names no part of their recipe.
        UsageError: the runs differ in budget or recipe, and it is not said which are meant.
        DataError: the combinations have no target in common that none of them was trained on.
    """
    called = code or {}
    by_run: dict[str, dict[str, StoredScore]] = {}
    for score in scores:
        by_run.setdefault(score.run_id, {})[score.target] = score
    mine = [run for run in runs if (run.model, run.origin) == (about.model, about.origin) and run.run_id in by_run]
    trained = [run for run in mine if run.kind == "train" and run.sources and (not where or _has(run, where))]
    notes: list[str] = []
    if unequal := [run for run in trained if run.unequal]:
        notes.append(f"left out, for their sources have unequal shares: {_runs(len(unequal))}")
        trained = [run for run in trained if not run.unequal]
    if examples is not None:
        trained = [run for run in trained if run.examples == examples]
    if not trained:
        return None
    _require_one_budget(name.label, trained, mix_budgets)
    _require_one_recipe(name.label, trained, mix_budgets)
    groups: dict[Combination, list[StoredRun]] = {}
    for run in trained:
        groups.setdefault(run.sources, []).append(run)
    targets = _common_targets(groups, by_run, called, notes)
    made = {
        languages: _trained(languages, groups[languages], by_run, targets)
        for languages in sorted(groups, key=lambda languages: (len(languages), languages))
    }
    _say_seeds(made, called, notes)
    budgets = tuple(sorted({run.examples or 0 for run in trained}))
    if len(budgets) > 1:
        notes.append(f"budgets are mixed ({', '.join(f'{n:,}' for n in budgets)} examples): differences may be theirs")
    base = [run for run in mine if run.kind == "eval" and set(targets) <= set(by_run[run.run_id])]
    baseline = None
    if base:
        baseline = (base[0], float(np.mean([by_run[base[0].run_id][target].value for target in targets])))
    rows = {by_run[run.run_id][target].rows for run in trained for target in targets}
    return Grid(
        *(about, name, budgets, targets, made, baseline),
        rows=(min(rows), max(rows)),
        notes=tuple(notes),
        candidates=tuple((pools or {}).get(trained[0].task, ())),
    )


def _has(run: StoredRun, where: Mapping[str, str]) -> bool:
    """Whether a run's recipe has these values. A single source is paired with nothing, so it has any pairing.

    Raises:
        UnknownNameError: a recipe has no such part.
    """
    recipe = _recipe(run)
    for name in where:
        if name.replace("-", "_") not in recipe:
            raise UnknownNameError("setting of these runs", name, list(recipe))
    return all(
        _as_text(recipe.get(name)) == _as_text(value) or (name == "pairing" and recipe.get(name) is None)
        for name, value in ((name.replace("-", "_"), value) for name, value in where.items())
    )


def _recipe(run: StoredRun) -> dict[str, Any]:
    """What two runs of one grid share, as users name it: {"learning_rate": 1e-4, "adapter.rank": 8, "pairing": …}."""
    found = flat({part: run.identity.get(part) for part in RECIPE})
    return {name.removeprefix("settings."): value for name, value in found.items()}


def _as_text(value: Any) -> str:
    """Numbers as one writes them: 1e-4 and 0.0001 are the same."""
    try:
        return f"{float(value):g}"
    except (TypeError, ValueError):
        return str(value)


def _require_one_budget(label: str, runs: Sequence[StoredRun], mixed: bool) -> None:
    counts: dict[int, int] = {}
    for run in runs:
        counts[run.examples or 0] = counts.get(run.examples or 0, 0) + 1
    if len(counts) > 1 and not mixed:
        said = ", ".join(f"{n:,} ({_runs(count)})" for n, count in sorted(counts.items()))
        raise UsageError(
            f"The runs of {label} have different budgets, and combinations are comparable under one only: {said} "
            f"examples. Choose with --examples {max(counts, key=lambda n: counts[n])}, or force it with --mix-budgets."
        )


def _runs(n: int) -> str:
    return "1 run" if n == 1 else f"{n:,} runs"


def _require_one_recipe(label: str, runs: Sequence[StoredRun], mixed: bool) -> None:
    """All else that determines a run, but for its sources, data and seeds, is the same."""
    recipes: dict[str, list[Any]] = {}
    for run in runs:  # thousands of runs have a handful of recipes
        key = json.dumps([run.identity.get(part) for part in RECIPE], sort_keys=True)
        recipes.setdefault(key, [run, 0])[1] += 1
    seen: dict[str, dict[str, int]] = {}
    for run, count in recipes.values():
        for name, value in _recipe(run).items():
            if (mixed and name == "steps") or (name == "pairing" and value is None):
                continue  # steps follow from the budget; a single source is paired with nothing
            counts = seen.setdefault(name, {})
            counts[_as_text(value)] = counts.get(_as_text(value), 0) + count
    for name, counts in seen.items():
        if len(counts) > 1:
            ordered = sorted(counts.items(), key=lambda item: -item[1])
            said = ", ".join(f"{value} ({_runs(count)})" for value, count in ordered)
            raise UsageError(
                f"The runs of {label} differ in {name}: {said}. Choose with --where {name}={ordered[0][0]}."
            )


def flat(value: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested mappings as one: {"settings.adapter.rank": 8}."""
    out: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            out |= flat(inner, f"{before}{name}.")
        else:
            out[before + name] = inner
    return out


def _common_targets(
    groups: Mapping[Combination, Sequence[StoredRun]],
    by_run: Mapping[str, Mapping[str, StoredScore]],
    code: Mapping[str, str],
    notes: list[str],
) -> tuple[str, ...]:
    runs = [run for some in groups.values() for run in some]
    found = [by_run[run.run_id] for run in runs]
    every = sorted(set().union(*found), key=lambda t: code.get(t, t))
    shared = set(every).intersection(*found)
    trained_on = {target for scores in found for target, score in scores.items() if not score.unseen}
    common = [t for t in every if t in shared]
    alike = [t for t in common if len({scores[t].data_sha256 for scores in found}) == 1]
    unseen = [t for t in alike if t not in trained_on]
    if missing := [code.get(t, t) for t in every if t not in common]:
        notes.append(f"left out, for not all runs were evaluated on them: {', '.join(missing)}")
    if differ := [code.get(t, t) for t in common if t not in alike]:
        notes.append(f"left out, for not all runs were evaluated on the same rows: {', '.join(differ)}")
    if seen := [code.get(t, t) for t in alike if t not in unseen]:
        notes.append(f"left out, for some runs were trained on them: {', '.join(seen)}")
    if not unseen:
        raise DataError(
            "The runs have no target in common that none of them was trained on. Evaluate them on the same targets "
            "with `mslt eval RUN --targets …`."
        )
    return tuple(unseen)


def _trained(
    languages: Combination,
    runs: Sequence[StoredRun],
    by_run: Mapping[str, Mapping[str, StoredScore]],
    targets: Sequence[str],
) -> Trained:
    drawn = {draw_of(run): run for run in reversed(runs)}  # the newest first: it is the last to be written here
    values = {
        draw: np.array([by_run[run.run_id][target].value for target in targets]) for draw, run in sorted(drawn.items())
    }
    first = by_run[drawn[min(drawn)].run_id]
    halves = np.array([(first[target].high - first[target].low) / 2 for target in targets])
    return Trained(languages, tuple(drawn[draw] for draw in values), values, halves)


def draw_of(run: StoredRun) -> Draw:
    """What was drawn for a run."""
    seed = run.seed or 0
    return seed, int(run.identity.get("data_seed") or 0), run.examples or 0


def seeds_said(draws: Iterable[Draw]) -> str:
    """ "0, 1, 2", with the seed of the sample where it is another: "0, 0 (data 7)"."""
    pairs = sorted({(seed, data) for seed, data, _ in draws})
    return ", ".join(str(seed) if data == seed else f"{seed} (data {data})" for seed, data in pairs)


def _say_seeds(made: Mapping[Combination, Trained], code: Mapping[str, str], notes: list[str]) -> None:
    by_draws: dict[tuple[Draw, ...], list[Combination]] = {}
    for languages, trained in made.items():
        by_draws.setdefault(trained.draws, []).append(languages)
    if len(by_draws) > 1:
        parts = []
        for draws, some in sorted(by_draws.items(), key=lambda item: -len(item[1])):
            named = ",".join(code.get(x, x) for x in some[0]) if len(some) == 1 else f"{len(some)} combinations"
            budgets = {examples for _, _, examples in draws}
            mixed = len({draw[2] for other in by_draws for draw in other}) > 1
            of = f" with {' and '.join(map(str, sorted(budgets)))} examples" if mixed else ""
            parts.append(f"{seeds_said(draws)} of {named}{of}")
        notes.append(f"seeds differ: {'; '.join(parts)}. Means are over those that each has, tests over common ones")
    elif len(next(iter(by_draws))) == 1:
        notes.append("one seed each: the luck of seeds is in the differences, and no test can see it")


def complete(n: int, k: int, trained: int, fixed: int = 0) -> tuple[int, bool]:
    """How many combinations of k out of n there are, `fixed` of the k given; and whether so many were trained."""
    total = math.comb(n - fixed, k - fixed) if n >= k >= fixed else 0
    return total, trained >= total
