"""Do runs differ? By their predictions alone: no model, no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mslt_cli.errors import DataError, UsageError
from mslt_cli.evaluation.metrics import METRICS
from mslt_cli.evaluation.significance import holm, mcnemar, paired_bootstrap
from mslt_cli.runs.directory import Run
from mslt_cli.runs.scoring import tables_of
from mslt_cli.tasks.task import Task

Table = NDArray[np.int64]
MEAN = "mean"
"""In the place of a target: the mean over them."""


@dataclass(frozen=True)
class Comparison:
    """The differences between groups of runs."""

    rows: tuple[dict[str, Any], ...]
    footer: tuple[str, ...]


def compare_runs(
    task: Task,
    groups: Mapping[str, Sequence[Run]],
    split: str,
    *,
    scoring: str = "",
    targets: Sequence[str] = (),
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Test each further group of runs against the first, in each target and on their mean.

    Rows are paired: the same sentences, and where both groups have as many runs (seeds), run by run. For one run of
    each and one label a row the test in a target is McNemar's, exact; else a paired bootstrap over rows and runs. p is
    two-sided, and corrected by Holm over all tests that are shown.

    Args:
        task: that they were evaluated on.
        groups: runs by what the user calls them; those of a group are the seeds of one combination.
        split: of the task.
        scoring: how a decoder's answers were read: "letters", "generate+swap".
        targets: ISO 639-3 codes. Default: those that all runs were evaluated on.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        UsageError: there is one group only, or no common target.
        DataError: the runs were evaluated on different rows.
        RunError: a run's predictions are missing or were changed.
    """
    if len(groups) < 2:
        raise UsageError("--compare needs two runs or more.")
    runs = [run for group in groups.values() for run in group]
    common = sorted(runs[0].targets(task.variant, split, scoring), key=task.code)
    common = [t for t in common if all(t in run.targets(task.variant, split, scoring) for run in runs)]
    chosen = [t for t in (targets or common) if t in common]
    what = " ".join([task.name, split, *([scoring] if scoring else [])])
    if missing := [task.code(t) for t in targets if t not in common]:
        raise UsageError(f"Not all of the runs were evaluated on {', '.join(missing)} ({what}).")
    if not chosen:
        raise UsageError(f"The runs have no target of {what} in common.")
    tables: dict[str, dict[str, dict[str, list[Table]]]] = {}
    ids: dict[str, list[str]] = {}
    for name, group in groups.items():
        for target in chosen:
            for run in group:
                frame = _predictions(task, run, split, scoring, target)
                if ids.setdefault(target, frame["id"].to_list()) != frame["id"].to_list():
                    raise DataError(
                        f"The runs were evaluated on different rows of {task.code(target)}. Evaluate again."
                    )
                for metric, table in tables_of(task, frame["gold"].to_list(), frame["predicted"].to_list()).items():
                    tables.setdefault(metric, {}).setdefault(name, {}).setdefault(target, []).append(table)
    first, *others = groups
    rows: list[dict[str, Any]] = []
    for other in others:
        for metric, by_name in tables.items():
            a = {target: np.stack(by_name[first][target]) for target in chosen}
            b = {target: np.stack(by_name[other][target]) for target in chosen}
            rows += [_row(task, target, first, other, metric, a, b, resamples, seed) for target in chosen]
            if len(chosen) > 1:
                rows.append(_mean_row(first, other, metric, a, b, ids if task.aligned else None, resamples, seed))
    # Two families: the means say whether there is a difference, the languages where it lies.
    families = [[row for row in rows if (row["target"] == MEAN) == mean] for mean in (False, True)]
    for family in families:
        for row, p in zip(family, holm([row["p"] for row in family]), strict=True):
            row["p_holm"] = p
    called = dict(zip(groups, ("first", "other"), strict=True)) if len(groups) == 2 else {first: "first"}
    said = "; ".join(f"{called.get(name, name)} is {_said(group)}" for name, group in groups.items())
    footer = (
        f"{what}, %: the other less the first, with 95 % intervals; {said}.",
        f"p is two-sided; Holm's correction is over the {len(families[0])} tests in single languages, and over those of"
        " means.",
    )
    return Comparison(tuple(rows), footer)


def _said(group: Sequence[Run]) -> str:
    names = " and ".join(dict.fromkeys(str(run.record["name"]) for run in group))
    return names + (f", {len(group)} seeds" if len(group) > 1 else "")


def _predictions(task: Task, run: Run, split: str, scoring: str, target: str) -> Any:
    score = next(s for s in run.scores_of(task.variant, split, scoring) if s["target"] == target)
    return run.predictions(score)


def _value(metric: str, runs: Table) -> float:
    """The mean over runs."""
    return float(np.mean(METRICS[metric].value(runs.sum(axis=1))))


def _row(
    task: Task,
    target: str,
    first: str,
    other: str,
    metric: str,
    a: Mapping[str, Table],
    b: Mapping[str, Table],
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    one, two = a[target], b[target]
    found = paired_bootstrap(metric, {target: one}, {target: two}, seed=seed, resamples=resamples)
    p, test = found.p, "bootstrap"
    if metric == "accuracy" and len(one) == len(two) == 1 and bool((one[0][:, 1] == 1).all()):
        only_a = int((one[0][:, 0] > two[0][:, 0]).sum())
        only_b = int((two[0][:, 0] > one[0][:, 0]).sum())
        p, test = mcnemar(only_a, only_b), f"McNemar, {only_a} against {only_b}"
    return {
        "target": task.code(target),
        "a": first,
        "b": other,
        "metric": metric,
        "value_a": _value(metric, one),
        "value_b": _value(metric, two),
        "difference": found.value,
        "low": found.low,
        "high": found.high,
        "p": p,
        "test": test,
    }


def _mean_row(
    first: str,
    other: str,
    metric: str,
    a: Mapping[str, Table],
    b: Mapping[str, Table],
    ids: Mapping[str, Sequence[str]] | None,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    found = paired_bootstrap(metric, a, b, ids=ids, seed=seed, resamples=resamples)
    return {
        "target": MEAN,
        "a": first,
        "b": other,
        "metric": metric,
        "value_a": float(np.mean([_value(metric, runs) for runs in a.values()])),
        "value_b": float(np.mean([_value(metric, runs) for runs in b.values()])),
        "difference": found.value,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "test": "bootstrap",
    }
