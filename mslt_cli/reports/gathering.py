"""From stored runs and scores to a grid: which runs are asked for, which can be compared, and on which targets."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from mslt_cli.reports.cells import plural
from mslt_cli.reports.grid import Grid
from mslt_cli.reports.task_facts import mean_majority
from mslt_cli.results.comparable import find_comparable
from mslt_cli.results.tested_items import find_items
from mslt_cli.results.trained import Combination, Draw, Trained, gather_seeds, name_range, name_seeds
from mslt_cli.store.row_answers import Items
from mslt_cli.store.runs import StoredEvaluation, StoredRun, StoredScore

PAPER_K = 3
"""Languages in the combinations of the paper's tables."""
ORIGINS = {"published": None, "runs": "own", "shipped": "shipped", "both": "own"}
"""By source, whose runs a report shows."""


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
    runs: Sequence[StoredRun],
    scores: Iterable[StoredScore],
    request: Request,
    code: Mapping[str, str],
    items: Items,
) -> Grid | None:
    """Put together what was scored in one way with one model; None where no combination was trained.

    Runs come newest first; those of another model or origin are passed over. The name is label and key, see
    `name_grids`; `code` is ISO 639-3 → how the user reads a language; `items` are those of all test data.

    Raises:
        UnknownNameError: `request.where` names no part of their recipe.
        UsageError: the runs differ in budget or recipe, and it is not said which are meant.
        DataError: the combinations have no target in common that none of them was trained on.
    """
    label, key = name
    found = find_comparable(
        about,
        label,
        runs,
        scores,
        code,
        examples=request.examples,
        where=request.where,
        mix_budgets=request.mix_budgets,
        unequal=False,
    )
    if not found.runs:
        return None
    targets, notes, by_run = found.targets, found.notes, found.scores
    trained = sorted(found.runs, key=lambda run: (len(run.sources), run.sources))
    combinations = {
        combination: gather_seeds(seeds, by_run, targets)
        for combination, seeds in groupby(trained, key=lambda run: run.sources)
    }
    budgets = sorted({run.examples or 0 for run in trained})
    notes += _seed_notes(combinations, len(budgets) > 1, code)
    notes += _machine_notes([run.environment for trained in combinations.values() for run in trained.runs])
    if len(budgets) > 1:
        notes.append(f"budgets are mixed ({', '.join(f'{n:,}' for n in budgets)} examples): differences may be theirs")
    untrained = [
        run
        for run in runs
        if run.kind == "eval"
        and (run.model, run.origin) == (about.model, about.origin)
        and set(targets) <= by_run.get(run.run_id, {}).keys()
    ]
    baseline = gather_seeds(untrained[:1], by_run, targets) if untrained else None
    shown = [by_run[run.run_id][target] for run in trained for target in targets]
    rows, majority = name_range({score.rows for score in shown}), mean_majority((s.target, s.majority) for s in shown)
    tested = find_items(about.task, shown[: len(targets)], items)
    return Grid(about, label, key, targets, combinations, baseline, tested, rows, majority, notes, code)


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
