"""From stored runs and scores to a grid: which runs are asked for, which can be compared, and on which targets."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from mslt_cli.errors import DataError, UnknownNameError, UsageError
from mslt_cli.reports.cells import plural
from mslt_cli.reports.grid import Combination, Draw, Grid, Trained, draw_of, name_range, name_seeds
from mslt_cli.reports.task_facts import mean_majority
from mslt_cli.store.runs import StoredEvaluation, StoredRun, StoredScore

PAPER_K = 3
"""Languages in the combinations of the paper's tables."""
ORIGINS = {"published": None, "runs": "own", "shipped": "shipped", "both": "own"}
"""By source, whose runs a report shows."""
RECIPE = ("format", "task", "model", "pairing", "oversample", "processes", "settings")
"""Parts of a run's identity that have to be the same in one grid; its data differ with its sources."""


@dataclass(frozen=True)
class Request:
    """What a report is asked for; see `views.report`."""

    source: str
    tasks: Sequence[str]
    models: Sequence[str]
    metric: str | None
    examples: int | None
    where: Mapping[str, str]
    mix_budgets: bool
    k: int
    top: int
    include: tuple[str, ...]
    """ISO 639-3."""
    pool: tuple[str, ...]
    """ISO 639-3; empty = all that grids were trained on."""

    @property
    def origin(self) -> str | None:
        """Whose runs are shown; None = nobody's."""
        return ORIGINS[self.source]

    def is_printed(self, *, with_english: bool) -> bool:
        """Whether the paper prints what is asked for: three languages out of its seven, in Table 2 with English."""
        return self.k == PAPER_K and not self.pool and (not self.include or (with_english and self.include == ("eng",)))


def name_grids(evaluations: Sequence[StoredEvaluation]) -> dict[StoredEvaluation, tuple[str, str]]:
    """The label and the key of the grid of each evaluation of a report (all of one metric), no two alike.

    A split is named where one task is evaluated on several with one model; a model by the end of its path, unless
    two end alike.
    """
    splits = Counter((about.task, about.scoring, about.model) for about in evaluations)
    last_parts = {about.model: about.model.rstrip("/").rsplit("/", 1)[-1] for about in evaluations}
    alike = Counter(last_parts.values())
    names = {}
    for about in evaluations:
        several = splits[about.task, about.scoring, about.model] > 1
        split = about.split if several or about.split.endswith("]") else ""  # "test[:100]" = its first rows alone
        last_part = last_parts[about.model]
        model = last_part if alike[last_part] == 1 else about.model
        scoring = f"({about.scoring})" if about.scoring else ""
        whose = "runs" if about.origin == "own" else about.origin
        label = " ".join(filter(None, (about.task, split, scoring)))
        key = ".".join(filter(None, (about.task, split, about.scoring, model, whose)))
        names[about] = (f"{label}, {about.model}", key)
    return names


def make_grid(
    about: StoredEvaluation,
    name: tuple[str, str],
    runs: Iterable[StoredRun],
    scores: Iterable[StoredScore],
    request: Request,
    code: Mapping[str, str],
) -> Grid | None:
    """Put together what was scored in one way with one model; None where no combination was trained.

    Runs come newest first; those of another model or origin are passed over. The name is label and key, see
    `name_grids`; `code` is ISO 639-3 → how the user reads a language.

    Raises:
        UnknownNameError: `request.where` names no part of their recipe.
        UsageError: the runs differ in budget or recipe, and it is not said which are meant.
        DataError: the combinations have no target in common that none of them was trained on.
    """
    by_run: dict[str, dict[str, StoredScore]] = {}
    for score in scores:
        by_run.setdefault(score.run_id, {})[score.target] = score
    scored = [run for run in runs if (run.model, run.origin) == (about.model, about.origin) and run.run_id in by_run]
    matching = [run for run in scored if run.kind == "train" and run.sources and _matches(run, request.where)]
    equal = [run for run in matching if not run.unequal]
    trained = [run for run in equal if request.examples in (None, run.examples)]
    if not trained:
        return None
    label, key = name
    _require_one_budget_and_recipe(label, trained, request.mix_budgets)
    targets, notes = _common_targets([by_run[run.run_id] for run in trained], code)
    if unequal := len(matching) - len(equal):
        notes.insert(0, f"left out, for their sources have unequal shares: {plural(unequal, 'run')}")
    trained.sort(key=lambda run: (len(run.sources), run.sources))
    combinations = {
        combination: _gather_seeds(seeds, by_run, targets)
        for combination, seeds in groupby(trained, key=lambda run: run.sources)
    }
    budgets = sorted({run.examples or 0 for run in trained})
    notes += _seed_notes(combinations, len(budgets) > 1, code)
    notes += _machine_notes([run.environment for trained in combinations.values() for run in trained.runs])
    if len(budgets) > 1:
        notes.append(f"budgets are mixed ({', '.join(f'{n:,}' for n in budgets)} examples): differences may be theirs")
    untrained = [run for run in scored if run.kind == "eval" and set(targets) <= set(by_run[run.run_id])]
    baseline = _gather_seeds(untrained[:1], by_run, targets) if untrained else None
    shown = [by_run[run.run_id][target] for run in trained for target in targets]
    rows, majority = name_range({score.rows for score in shown}), mean_majority((s.target, s.majority) for s in shown)
    return Grid(about, label, key, targets, combinations, baseline, rows, majority, notes, code)


def _matches(run: StoredRun, where: Mapping[str, str]) -> bool:
    """Whether a run's recipe has these values. A single source is paired with nothing, so it has any pairing."""
    recipe = _recipe(run.identity) if where else {}
    matches = True
    for name, value in where.items():
        part = name.replace("-", "_")
        if part not in recipe:
            raise UnknownNameError("setting of these runs", name, recipe, f"Known: {', '.join(recipe)}.")
        is_unpaired = part == "pairing" and recipe[part] is None
        matches &= is_unpaired or _as_text(recipe[part]) == _as_text(value)
    return matches


def _recipe(identity: Mapping[str, Any]) -> dict[str, Any]:
    """What two runs of one grid share, as users name it: {"learning_rate": 1e-4, "adapter.rank": 8, "pairing": …}."""
    parts = flatten({part: identity.get(part) for part in RECIPE})
    return {"micro_batch": None} | {part.removeprefix("settings."): value for part, value in parts.items()}


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one: {"settings.adapter.rank": 8}."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return flat


def _as_text(value: Any) -> str:
    """Numbers as one writes them: 1e-4 and 0.0001 are the same."""
    try:
        return f"{float(value):g}"
    except (TypeError, ValueError):
        return str(value)


def _require_one_budget_and_recipe(label: str, runs: Sequence[StoredRun], mixed: bool) -> None:
    """All that determines a run is the same, but for sources, data and seeds, and for budgets mixed on purpose."""
    budgets = Counter(run.examples or 0 for run in runs)
    if len(budgets) > 1 and not mixed:
        listed = ", ".join(f"{n:,} ({plural(count, 'run')})" for n, count in sorted(budgets.items()))
        raise UsageError(
            f"The runs of {label} have different budgets, and combinations are comparable under one only: {listed} "
            f"examples. Choose with --examples {budgets.most_common(1)[0][0]}, or force it with --mix-budgets."
        )
    # Thousands of runs have a handful of recipes.
    recipes = Counter(json.dumps({part: run.identity.get(part) for part in RECIPE}) for run in runs)
    values: dict[str, Counter[str]] = {}
    for text, n in recipes.items():
        for part, value in _recipe(json.loads(text)).items():
            if (mixed and part == "steps") or (part == "pairing" and value is None):
                continue  # steps follow from the budget; a single source is paired with nothing
            values.setdefault(part, Counter())[_as_text(value)] += n
    for part, counts in values.items():
        if len(counts) > 1:
            ordered = counts.most_common()
            listed = ", ".join(f"{value} ({plural(n, 'run')})" for value, n in ordered)
            choice = f"Choose with --where {part}={ordered[0][0]}."
            raise UsageError(f"The runs of {label} differ in {part}: {listed}. {choice}")


def _common_targets(
    scores: Sequence[Mapping[str, StoredScore]], code: Mapping[str, str]
) -> tuple[tuple[str, ...], list[str]]:
    """The targets on whose same rows all runs were evaluated, and none was trained on; and why others are not."""
    every = sorted(set().union(*scores), key=lambda target: code.get(target, target))
    common = [target for target in every if all(target in of_run for of_run in scores)]
    alike = [target for target in common if len({of_run[target].data_sha256 for of_run in scores}) == 1]
    unseen = [target for target in alike if all(of_run[target].unseen for of_run in scores)]
    notes = []
    for before, after, why in (
        (every, common, "not all runs were evaluated on them"),
        (common, alike, "not all runs were evaluated on the same rows"),
        (alike, unseen, "some runs were trained on them"),
    ):
        if lost := [code.get(target, target) for target in before if target not in after]:
            notes.append(f"left out, for {why}: {', '.join(lost)}")
    if not unseen:
        raise DataError(
            "The runs have no target in common that none of them was trained on. Evaluate them on the same targets "
            "with `mslt eval RUN --targets …`."
        )
    return tuple(unseen), notes


def _gather_seeds(
    runs: Iterable[StoredRun], by_run: Mapping[str, Mapping[str, StoredScore]], targets: Sequence[str]
) -> Trained:
    """One run for each draw, the newest; runs come newest first."""
    newest = dict(sorted({draw_of(run): run for run in reversed(list(runs))}.items()))
    scores = {draw: [by_run[run.run_id][target] for target in targets] for draw, run in newest.items()}
    return Trained(
        runs=tuple(newest.values()),
        scores={draw: np.array([score.value for score in of_draw]) for draw, of_draw in scores.items()},
    )


def _machine_notes(environments: Sequence[Mapping[str, Any]]) -> list[str]:
    """Whether runs were made on several kinds of machines, as far as their records say."""
    on_cpu = [environment for environment in environments if environment.get("device") == "cpu"]
    parts = []
    # What a GPU computes does not depend on the processor beside it.
    for what, deciding in (("device", environments), ("processor", on_cpu), ("threads", on_cpu)):
        kinds = Counter(str(environment[what]) for environment in deciding if environment.get(what) is not None)
        if len(kinds) > 1:
            listed = ", ".join(f"{kind} ({plural(n, 'run')})" for kind, n in kinds.most_common())
            parts.append(f"{what}: {listed}")
    why = "that alone can move a score in one language by 5 points, and a mean by 2"
    return [f"runs were made on several kinds of machines, and {why}; {'; '.join(parts)}"] if parts else []


def _seed_notes(combinations: Mapping[Combination, Trained], mixed: bool, code: Mapping[str, str]) -> list[str]:
    """What the seeds let a reader conclude."""
    by_draws: dict[tuple[Draw, ...], list[Combination]] = {}
    for combination, trained in combinations.items():
        by_draws.setdefault(tuple(trained.scores), []).append(combination)
    if len(by_draws) == 1:
        alone = len(next(iter(by_draws))) == 1
        return ["one seed each: the luck of seeds is in the differences, and no test can see it"] if alone else []
    parts = []
    for draws, alike in sorted(by_draws.items(), key=lambda item: -len(item[1])):
        whose = ",".join(code.get(x, x) for x in alike[0]) if len(alike) == 1 else f"{len(alike)} combinations"
        budgets = map(str, sorted({examples for _, _, examples in draws}))
        parts.append(f"{name_seeds(draws)} of {whose}" + (f" with {' and '.join(budgets)} examples" if mixed else ""))
    return [f"seeds differ: {'; '.join(parts)}. Means are over those that each has, tests over common ones"]
