"""Do runs differ? By their predictions alone: no model, no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from mslt_cli.data.prepared import fetch_command, load, read_record
from mslt_cli.data.shared_texts import ITEM, item_ids
from mslt_cli.errors import DataError, UsageError
from mslt_cli.evaluation.metrics import Table, metric_value
from mslt_cli.evaluation.significance import Difference, compare_seeds, mcnemar, paired_bootstrap
from mslt_cli.inference.distributions import holm
from mslt_cli.runs.answering import Evaluation, all_items, items_of, tables_of
from mslt_cli.runs.directory import Run
from mslt_cli.tasks.task import Task

if TYPE_CHECKING:
    import polars as pl

MEAN = "mean"
"""In the place of a target: the mean over them."""
RUNS, COMBINATIONS = "runs", "combinations"
"""What a row speaks of: these runs, or the combinations whose seeds they are."""
DRAWN = {"seed", "data_seed"}
"""Parts of a run's identity in which the seeds of one combination differ."""


@dataclass(frozen=True)
class Comparison:
    """The differences between groups of runs."""

    rows: tuple[dict[str, Any], ...]
    footer: tuple[str, ...]


def compare_runs(
    groups: Mapping[str, Sequence[Run]], evaluation: Evaluation, *, resamples: int = 10_000, seed: int = 0
) -> Comparison:
    """Test each further group of runs against the first, in each target and on their mean.

    Rows are paired: the same sentences. Rows that share a text are one item where the task says so. Where both groups
    have two seeds or more, or one is a model as it is, the test speaks of combinations: it counts the spread of the
    seeds and that of the items. Else it speaks of these runs alone, on items: McNemar's, exact, for one run of each and
    one label an item in a target; a paired bootstrap for all others. p is two-sided, and corrected by Holm over all
    tests that are shown.

    Args:
        groups: runs by what the user calls them; those of a group are the seeds of one combination.
        evaluation: what is compared; without targets it is those that all runs were evaluated on.
        resamples, seed: of the bootstrap.

    Raises:
        UsageError: there is one group only, or no common target; a run is named twice, or runs of a group differ in
            more than their seeds.
        DataError: the runs were evaluated on different rows.
        RunError: a run's predictions are missing or were changed.
    """
    if len(groups) < 2:
        raise UsageError("--compare needs two runs or more.")
    _require_seeds(groups)
    task = evaluation.task
    evaluated = [set(evaluation.targets_in(run)) for group in groups.values() for run in group]
    common = sorted(set.intersection(*evaluated), key=task.code)
    chosen = evaluation.targets or common
    what = " ".join(filter(None, [task.name, evaluation.part, evaluation.scoring]))
    if missing := [task.code(target) for target in chosen if target not in common]:
        raise UsageError(f"Not all of the runs were evaluated on {', '.join(missing)} ({what}).")
    if not chosen:
        raise UsageError(f"The runs have no target of {what} in common.")
    tables, items, unknown = _read_tables(groups, evaluation, chosen)
    first, *others = groups
    rows: list[dict[str, Any]] = []
    # Two families: the means say whether there is a difference, the languages where it lies.
    means: list[dict[str, Any]] = []
    singles: list[dict[str, Any]] = []
    tested = [[target] for target in chosen] + ([[*chosen]] if len(chosen) > 1 else [])
    for other, (metric, by_group), targets in product(others, tables.items(), tested):
        a, b = ({target: by_group[name][target] for target in targets} for name in (first, other))
        single = len(targets) == 1
        together = all_items({t: items[t] for t in targets}) if not single or (task.cluster and not unknown) else None
        row: dict[str, Any] = {
            "target": task.code(targets[0]) if single else MEAN,
            "a": first,
            "b": other,
            "metric": metric,
            "scope": _scope(groups[first], groups[other]),
        }
        if row["scope"] == COMBINATIONS:
            row |= _values(a, b) | _as_row(compare_seeds(a, b, items=together))
        else:
            row |= _test(metric, a, b, items=together, seed=seed, resamples=resamples)
        rows.append(row)
        (singles if single else means).append(row)
    for family in (singles, means):
        for row, p in zip(family, holm([row["p"] for row in family]), strict=True):
            row["p_holm"] = p
    called = dict(zip(groups, ("first", "other"), strict=True)) if len(groups) == 2 else {first: "first"}
    described = []
    for name, group in groups.items():
        one = group[0].identity.get("seed")
        seeds = f", {len(group)} seeds" if len(group) > 1 else "" if one is None else f" seed {one}"
        described.append(f"{called.get(name, name)} is {group[0].record['name']}{seeds}")
    metric = f", {next(iter(tables))}" if len(tables) == 1 else ""
    footer = (
        f"{what}{metric}, %: the other less the first, with 95 % intervals; {'; '.join(described)}.",
        f"p is two-sided; Holm's correction is over the {len(singles)} tests in single languages, and over those of"
        " means.",
        *_explain({row["scope"] for row in rows}, groups),
        *_explain_items(task, unknown),
    )
    return Comparison(tuple(rows), footer)


def _require_seeds(groups: Mapping[str, Sequence[Run]]) -> None:
    """Raises: UsageError: a run is named twice, or runs of a group differ in more than their seeds."""
    named = Counter(run.run_id for group in groups.values() for run in group)
    if twice := [run_id for run_id, times in named.items() if times > 1]:
        raise UsageError(f"--compare names the run {twice[0]} twice. Name each run once.")
    for one, *others in groups.values():
        for other in others:
            if differing := _differences(one.identity, other.identity):
                raise UsageError(
                    f"{one.run_id} and {other.run_id} are no two seeds of one combination: they differ in"
                    f" {', '.join(differing)}. Join with + what differs in seeds alone."
                )


def _differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The parts of two runs' identities that differ, seeds left out; of settings each by its name."""
    flat = [{**identity, **(identity.get("settings") or {})} for identity in (one, other)]
    names = dict.fromkeys([*flat[0], *flat[1]])
    return [name for name in names if name not in {*DRAWN, "settings"} and flat[0].get(name) != flat[1].get(name)]


def _scope(*groups: Sequence[Run]) -> str:
    """What two groups can be tested for: a seed alone says nothing of others; a model as it is has none."""
    trained = [len(group) for group in groups if group[0].identity["kind"] == "train"]
    return COMBINATIONS if trained and min(trained) > 1 else RUNS


def _explain(scopes: set[str], groups: Mapping[str, Sequence[Run]]) -> list[str]:
    """What p and the intervals speak of."""
    lines = []
    if COMBINATIONS in scopes:
        lines.append("Student's t speaks of combinations: it counts how far their seeds spread, and their rows.")
    if RUNS in scopes:
        these = "these two runs" if sum(map(len, groups.values())) == 2 else "these runs"
        rest = "The other tests speak" if COMBINATIONS in scopes else "p and the intervals speak"
        lines.append(
            f"{rest} of {these} alone, on rows: other seeds of the same combinations may differ as much. Two seeds or"
            " more of each (A1+A2 B1+B2) compare combinations."
        )
    return lines


def _explain_items(task: Task, unknown: Sequence[str]) -> list[str]:
    """What counts as one item in a task whose rows share texts; `unknown` are the targets where it is not known."""
    if not task.cluster:
        return []
    lines = [f"Rows of {task.name} that share a text ({', '.join(task.cluster)}) count as one item."]
    if unknown:
        which = task.codes_of(unknown)
        lines.append(
            f"Which do is not known in {which}, since the runs are of an earlier mslt and these data are not in the"
            f" cache: rows count as independent there. Run `{fetch_command(task, unknown)}`."
        )
    return lines


def _read_tables(
    groups: Mapping[str, Sequence[Run]], evaluation: Evaluation, targets: Sequence[str]
) -> tuple[dict[str, dict[str, dict[str, Table]]], dict[str, list[str] | None], list[str]]:
    """The counts behind the scores, by metric, group and target, shape (runs, rows, counts) each; by target the items
    of the rows; and the targets where rows share texts and it is not known which."""
    tables: dict[str, dict[str, dict[str, Table]]] = {}
    ids: dict[str, list[str]] = {}
    items: dict[str, list[str] | None] = {}
    unknown: list[str] = []
    task = evaluation.task
    for name, target in product(groups, targets):
        by_metric: dict[str, list[Table]] = {}
        for run in groups[name]:
            score = next(s for s in evaluation.scores_in(run) if s["target"] == target)
            frame = run.predictions(score)
            if ids.setdefault(target, frame["id"].to_list()) != frame["id"].to_list():
                raise DataError(f"The runs were evaluated on different rows of {task.code(target)}. Evaluate again.")
            if target not in items:
                frame = _with_items(evaluation, score, frame)
                items[target] = items_of(task, target, frame)
                unknown += [target] if task.cluster and ITEM not in frame.columns else []
            answers = frame["gold"].to_list(), frame["predicted"].to_list()
            for metric, table in tables_of(task, *answers).items():
                by_metric.setdefault(metric, []).append(table)
        for metric, of_runs in by_metric.items():
            tables.setdefault(metric, {}).setdefault(name, {})[target] = np.stack(of_runs)
    return tables, items, unknown


def _with_items(evaluation: Evaluation, score: Mapping[str, Any], answers: pl.DataFrame) -> pl.DataFrame:
    """Predictions with the items of their rows: runs of an earlier mslt lack them, and the cached data have them."""
    task, target = evaluation.task, score["target"]
    record = read_record(task, target, evaluation.split)
    same = record is not None and record.content_sha256 == score["data_sha256"]
    if not task.cluster or ITEM in answers.columns or record is None or not same:
        return answers
    import polars as pl

    rows = load(task, record).head(answers.height)
    return answers.with_columns(pl.Series(ITEM, item_ids(task, rows)))


def _value(tables: Mapping[str, Table]) -> float:
    """The mean over targets of the mean over runs."""
    return float(np.mean([float(np.mean(metric_value(runs.sum(axis=1)))) for runs in tables.values()]))


def _values(a: Mapping[str, Table], b: Mapping[str, Table]) -> dict[str, float]:
    return {"value_a": _value(a), "value_b": _value(b)}


def _as_row(difference: Difference) -> dict[str, Any]:
    found = {"difference": difference.value, "low": difference.low, "high": difference.high, "p": difference.p}
    freedom = difference.freedom
    return found | {"test": "bootstrap" if freedom is None else f"Student's t, df {freedom:.1f}"}


def _test(metric: str, a: Mapping[str, Table], b: Mapping[str, Table], **drawing: Any) -> dict[str, Any]:
    """Test the runs of two groups in one target, or on the mean over several; `drawing` is that of the bootstrap."""
    row = _values(a, b) | _as_row(paired_bootstrap(a, b, **drawing))
    (one, *more), (other, *_) = a.values(), b.values()
    independent = drawing["items"] is None and bool((one[0][:, 1] == 1).all())
    if metric == "accuracy" and not more and len(one) == len(other) == 1 and independent:
        only_a = int((one[0][:, 0] > other[0][:, 0]).sum())
        only_b = int((other[0][:, 0] > one[0][:, 0]).sum())
        row |= {"p": mcnemar(only_a, only_b), "test": f"McNemar, {only_a} against {only_b}"}
    return row
