"""Which stored runs may be compared: one budget, one recipe, and the same test rows of the same targets."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from mslt_cli.errors import DataError, UnknownNameError, UsageError
from mslt_cli.store.runs import StoredEvaluation, StoredRun, StoredScore

RECIPE = ("format", "task", "model", "pairing", "oversample", "processes", "settings")
"""Parts of a run's identity that have to be the same in one grid; its data differ with its sources."""


class ComparableRuns(NamedTuple):
    """Trainings whose scores differ by their sources and seeds alone."""

    runs: list[StoredRun]
    """The newest first, some of them with unequal shares perhaps."""
    scores: Mapping[str, Mapping[str, StoredScore]]
    """By run and target; of all runs of the evaluation."""
    targets: tuple[str, ...]
    """ISO 639-3: what all were evaluated on, on the same rows, and none was trained on."""
    notes: list[str]
    """Why other targets are left out."""


def find_comparable(
    about: StoredEvaluation,
    label: str,
    runs: Iterable[StoredRun],
    scores: Iterable[StoredScore],
    code: Mapping[str, str],
    *,
    examples: int | None = None,
    where: Mapping[str, str] | None = None,
    mix_budgets: bool = False,
    unequal: bool = True,
) -> ComparableRuns:
    """The trainings that were scored in one way, of one budget and recipe; none where there are none.

    Args:
        about: what was scored; runs of another model or origin are passed over.
        label: its name in messages.
        runs, scores: all that may be meant, runs with the newest first.
        code: ISO 639-3 → how the user reads a language.
        examples: the budget that is meant; of runs that come with mslt by default that of most runs, with a note.
        where: settings that are meant: {"learning_rate": "1e-4"}.
        mix_budgets: whether budgets may differ.
        unequal: whether runs whose sources have unequal shares are taken, or left out with a note.

    Raises:
        UnknownNameError: `where` names no part of their recipe.
        UsageError: the runs differ in budget or recipe, and it is not said which are meant.
        DataError: they have no target in common that none of them was trained on.
    """
    by_run: dict[str, dict[str, StoredScore]] = {}
    for score in scores:
        by_run.setdefault(score.run_id, {})[score.target] = score
    scored = [run for run in runs if (run.model, run.origin) == (about.model, about.origin) and run.run_id in by_run]
    matching = [run for run in scored if run.kind == "train" and run.sources and _matches(run, where or {})]
    taken = [run for run in matching if (unequal or not run.unequal) and examples in (None, run.examples)]
    if not taken:
        return ComparableRuns([], by_run, (), [])
    notes: list[str] = []
    if about.origin == "shipped" and not mix_budgets:
        taken, notes = _take_main_budget(taken)
    _require_one_budget_and_recipe(label, taken, mix_budgets)
    targets, why_not = _common_targets([by_run[run.run_id] for run in taken], code)
    notes += why_not
    if left_out := 0 if unequal else sum(run.unequal for run in matching):
        notes.insert(0, f"left out, for their sources have unequal shares: {count_runs(left_out)}")
    return ComparableRuns(taken, by_run, targets, notes)


def _take_main_budget(runs: list[StoredRun]) -> tuple[list[StoredRun], list[str]]:
    """The runs of the budget that most have, and a note on the others: nobody can know the budgets of what ships."""
    (main, n), *others = Counter(run.examples or 0 for run in runs).most_common()
    listed = ", ".join(f"{count_runs(count)} of {budget:,} (--examples {budget})" for budget, count in others)
    notes = [f"taken are {count_runs(n)} of {main:,} examples; there are also {listed}"] if others else []
    return [run for run in runs if (run.examples or 0) == main], notes


def count_runs(n: int) -> str:
    """ "1 run", "35 runs"."""
    return f"{n:,} run" if n == 1 else f"{n:,} runs"


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
        listed = ", ".join(f"{n:,} ({count_runs(count)})" for n, count in sorted(budgets.items()))
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
            listed = ", ".join(f"{value} ({count_runs(n)})" for value, n in ordered)
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
