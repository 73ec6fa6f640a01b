"""Runs as the store knows them: a list with their means, one wholly, and what differs between two."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mslt_cli.errors import UnknownNameError, UsageError
from mslt_cli.reports.comparable import flatten
from mslt_cli.store import languages as facts
from mslt_cli.store.db import Store
from mslt_cli.store.runs import StoredRun, StoredScore, find_runs, stored_scores

LEAST_DIGITS = 4
"""Digits of a run's id that a user writes at least."""
SHA256_DIGITS = 64


@dataclass(frozen=True)
class TransferMean:
    """The mean of a run's scores in one evaluation over the targets that it was not trained on."""

    evaluated: str
    """The task."""
    scoring: str
    metric: str
    mean: float
    """In percent."""
    targets: int
    """How many targets these are."""


class ListedRun(NamedTuple):
    """A run, and its mean in each of its evaluations."""

    run: StoredRun
    means: tuple[TransferMean, ...]


class DetailedRun(NamedTuple):
    """All that the store knows of a run; languages are ISO 639-1 codes where there are any."""

    run: StoredRun
    sources: tuple[str, ...]
    scores: tuple[StoredScore, ...]
    """By task, split, target and metric."""

    @property
    def settings(self) -> dict[str, Any]:
        """What determined it and what it ran on, by dotted name: "settings.adapter.rank", "environment.torch"."""
        return flatten({**self.run.identity, "environment": self.run.environment})


@dataclass(frozen=True)
class ChangedSetting:
    """A setting that two runs do not share."""

    what: str
    """Its dotted name."""
    first: str
    other: str


class RunDifference(NamedTuple):
    """What differs between two runs."""

    first: StoredRun
    other: StoredRun
    settings: tuple[ChangedSetting, ...]
    scores: tuple[tuple[StoredScore, StoredScore], ...]
    """Those that both have, the first run's before the other's."""


def list_runs(
    store: Store,
    *,
    tasks: Sequence[str] = (),
    models: Sequence[str] = (),
    examples: int | None = None,
    source: str | None = None,
) -> list[ListedRun]:
    """List runs, the newest first.

    Args:
        store: with results.
        tasks: that they were trained for or evaluated on; empty = all.
        models: names; empty = all.
        examples: the budget; None = any.
        source: "runs" (the default) = own ones, "shipped", or "both".
    """
    origin = {"shipped": "shipped", "published": "", "both": None}.get(source or "runs", "own")
    runs = find_runs(store, origin=origin)
    by_run: dict[str, list[StoredScore]] = {}
    for score in stored_scores(store) if runs else []:
        by_run.setdefault(score.run_id, []).append(score)
    listed = []
    for run in runs:
        scores = by_run.get(run.run_id, [])
        of_task = not tasks or not {run.task, *(score.task for score in scores)}.isdisjoint(tasks)
        if of_task and (not models or run.model in models) and examples in (None, run.examples):
            listed.append(ListedRun(run, _transfer_means(scores)))
    return listed


def _transfer_means(scores: Sequence[StoredScore]) -> tuple[TransferMean, ...]:
    groups: dict[tuple[str, str, str], list[float]] = {}
    for score in scores:
        if score.unseen:
            groups.setdefault((score.task, score.scoring, score.metric), []).append(score.value)
    return tuple(
        TransferMean(*evaluation, mean=100 * sum(values) / len(values), targets=len(values))
        for evaluation, values in groups.items()
    )


def read_run_details(store: Store, names: Sequence[str]) -> DetailedRun:
    """Read all that the store knows of one run.

    Args:
        store: with results.
        names: the first digits of its id, alone in the list.

    Raises:
        UsageError: there is not one name, or several runs begin so.
        UnknownNameError: no run begins so.
    """
    (details,) = _find_details(store, names, 1)
    return details


def compare_settings_and_scores(store: Store, names: Sequence[str]) -> RunDifference:
    """Compare two runs, named by the first digits of their ids: what determined them, and their scores.

    Raises:
        UsageError: there are not two names, or several runs begin so.
        UnknownNameError: no run begins so.
    """
    first, other = _find_details(store, names, 2)
    a, b = first.settings, other.settings
    settings = (
        ChangedSetting(name, short_text(a.get(name)), short_text(b.get(name)))
        for name in dict.fromkeys([*a, *b])
        if a.get(name) != b.get(name)
    )
    by_key = {_key(score): score for score in other.scores}
    pairs = ((score, by_key[_key(score)]) for score in first.scores if _key(score) in by_key)
    return RunDifference(first.run, other.run, tuple(settings), tuple(pairs))


def _key(score: StoredScore) -> tuple[str, ...]:
    return score.task, score.split, score.scoring, score.metric, score.target


def _find_details(store: Store, names: Sequence[str], count: int) -> list[DetailedRun]:
    """So many runs, by the first digits of their ids."""
    if len(names) != count:
        example = "run 1a2b3c4d" if count == 1 else "diff 1a2b3c4d 5e6f7a8b"
        wanted = "1 run" if count == 1 else f"{count} runs"
        raise UsageError(f"It takes {wanted}, and {len(names)} are named: `mslt report {example}`.")
    code = {row.iso639_3: row.iso639_1 or row.iso639_3 for row in facts.all_languages(store)}
    details = []
    for name in names:
        matches = find_runs(store, name) if len(name) >= LEAST_DIGITS else []
        if len(matches) > 1:
            listed = ", ".join(run.run_id for run in matches[:4])
            raise UsageError(f"{len(matches)} runs begin with {name}: {listed}. Write more of it.")
        if not matches:
            hint = f"Write the first {LEAST_DIGITS} digits of its id or more; `mslt report runs` lists them."
            raise UnknownNameError("run", name, (), hint)
        run = matches[0]
        sources = tuple(code.get(source, source) for source in run.sources)
        scores = sorted(stored_scores(store, run_id=run.run_id), key=lambda s: (s.task, s.split, s.target, s.metric))
        coded = (score._replace(target=code.get(score.target, score.target)) for score in scores)
        details.append(DetailedRun(run, sources, tuple(coded)))
    return details


def short_text(value: Any) -> str:
    """A setting as people read it: a checksum by its beginning, None as nothing, other values as JSON."""
    if isinstance(value, str):
        return value[:12] + "…" if len(value) == SHA256_DIGITS and value.isalnum() else value
    return "" if value is None else json.dumps(value, ensure_ascii=False)
