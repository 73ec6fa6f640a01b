"""Runs as the store knows them: a list with their means, one wholly, and what differs between two."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from mslt_cli.errors import UnknownNameError, UsageError
from mslt_cli.results.comparable import flatten
from mslt_cli.store import languages as facts
from mslt_cli.store.db import Store
from mslt_cli.store.runs import LEAST_DIGITS, StoredRun, StoredScore, find_one_run, find_runs, stored_scores

SHA256_DIGITS = 64


class TransferMean(NamedTuple):
    """The mean of a run's scores, in percent, in one evaluation over the targets that it was not trained on."""

    evaluated: str
    """The task."""
    scoring: str
    metric: str
    mean: float
    targets: int
    """How many these are."""


class RunDifference(NamedTuple):
    """What differs between two runs."""

    first: StoredRun
    other: StoredRun
    settings: list[dict[str, str]]
    """Those that they do not share: the dotted name as "what", and the values as "first" and "other"."""
    scores: list[tuple[StoredScore, StoredScore]]
    """Of the first and of the other in one metric on one target, where both have one."""


def list_runs(
    store: Store, *, tasks: Sequence[str], models: Sequence[str], examples: int | None, source: str | None
) -> list[tuple[StoredRun, list[TransferMean]]]:
    """List runs, the newest first, each with its mean in each of its evaluations.

    A task is one that a run was trained for or evaluated on; none = any, as with models. Source: see `views.report`.
    """
    runs = find_runs(store, origin={"shipped": "shipped", "published": "", "both": None}.get(source or "runs", "own"))
    by_run: dict[tuple[str, str], list[StoredScore]] = {}
    for score in stored_scores(store) if runs else []:
        by_run.setdefault((score.run_id, score.origin), []).append(score)
    listed = []
    for run in runs:
        scores = by_run.get((run.run_id, run.origin), [])
        if tasks and {run.task, *(score.task for score in scores)}.isdisjoint(tasks):
            continue
        if (not models or run.model in models) and examples in (None, run.examples):
            listed.append((run, _transfer_means(scores)))
    return listed


def _transfer_means(scores: Sequence[StoredScore]) -> list[TransferMean]:
    groups: dict[tuple[str, str, str], list[float]] = {}
    for score in scores:
        if score.unseen:
            groups.setdefault((score.task, score.scoring, score.metric), []).append(score.value)
    return [
        TransferMean(*evaluation, mean=100 * sum(values) / len(values), targets=len(values))
        for evaluation, values in groups.items()
    ]


def read_run_details(store: Store, names: Sequence[str]) -> tuple[StoredRun, list[StoredScore]]:
    """Read the one run that is named, and its scores by task, split, target and metric; raises as `_read_runs`."""
    return _read_runs(store, names, "run 1a2b3c4d")[0]


def compare_settings_and_scores(store: Store, names: Sequence[str]) -> RunDifference:
    """Compare the two runs that are named: what determined them, and their scores; raises as `_read_runs`."""
    (first, scores), (other, other_scores) = _read_runs(store, names, "diff 1a2b3c4d 5e6f7a8b")
    a, b = (flatten({**run.identity, "environment": run.environment}) for run in (first, other))
    settings = [
        {"what": name, "first": short_text(a.get(name)), "other": short_text(b.get(name))}
        for name in a | b
        if a.get(name) != b.get(name)
    ]
    by_key = {_key(score): score for score in other_scores}
    pairs = [(score, by_key[_key(score)]) for score in scores if _key(score) in by_key]
    return RunDifference(first, other, settings, pairs)


def _key(score: StoredScore) -> tuple[str, ...]:
    return score.task, score.split, score.target, score.metric, score.scoring


def _read_runs(store: Store, names: Sequence[str], example: str) -> list[tuple[StoredRun, list[StoredScore]]]:
    """As many runs as the example names, by the first digits of their ids, each with its scores.

    Languages are ISO 639-1 codes where there are any. Raises a UsageError if there are more or fewer names or several
    runs begin so, an UnknownNameError if none does.
    """
    count = len(example.split()) - 1
    if len(names) != count:
        wanted = "1 run" if count == 1 else f"{count} runs"
        raise UsageError(f"It takes {wanted}, and {len(names)} are named: `mslt report {example}`.")
    code = {row.iso639_3: row.iso639_1 or row.iso639_3 for row in facts.pool(store, "all")}
    runs = []
    for name in names:
        run = find_one_run(store, name)
        if run is None:
            hint = f"Write the first {LEAST_DIGITS} digits of its id or more; `mslt report runs` lists them."
            raise UnknownNameError("run", name, (), hint)
        scores = sorted(stored_scores(store, run_id=run.run_id, origin=run.origin), key=_key)
        run = run._replace(sources=tuple(code.get(source, source) for source in run.sources))
        runs.append((run, [score._replace(target=code.get(score.target, score.target)) for score in scores]))
    return runs


def short_text(value: Any) -> str:
    """A setting as people read it: a checksum by its beginning, None as nothing, other values as JSON."""
    if isinstance(value, str):
        return value[:12] + "…" if len(value) == SHA256_DIGITS and value.isalnum() else value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
