"""Runs and their scores: the index over run directories, and the runs that ship in db/. Rows ↔ records."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from sqlite3 import Connection
from typing import Any, NamedTuple

from mslt_cli.errors import UsageError
from mslt_cli.store.db import Store, insert
from mslt_cli.store.row_answers import RowAnswers

LEAST_DIGITS = 4
"""Digits of a run's id that a user writes at least."""


class StoredRun(NamedTuple):
    """One row of `runs`; schema.sql describes the columns."""

    run_id: str
    kind: str
    name: str
    task: str
    model: str
    sources: tuple[str, ...]
    """ISO 639-3 codes, sorted; none for a model as it is."""
    examples: int | None
    seed: int | None
    unequal: bool
    directory: str
    identity: Mapping[str, Any]
    environment: Mapping[str, Any]
    device: str
    tokens_per_s: float | None
    wall_s: float
    finished_at: str
    mslt_version: str
    origin: str
    command: str


class StoredScore(NamedTuple):
    """One row of `scores`; a tuple, for a report may read a hundred thousand of them."""

    run_id: str
    origin: str
    task: str
    split: str
    scoring: str
    target: str
    metric: str
    value: float
    low: float
    high: float
    rows: int
    unseen: int
    data_sha256: str
    majority: float | None
    """The share of the most frequent answer, 0..1; None where it was not counted."""
    right_rows: str | None
    """Which rows are right (see row_answers.py); None where it is not known, or rows are not just right or wrong."""


class StoredEvaluation(NamedTuple):
    """A kind of score, and how many runs have it."""

    task: str
    split: str
    scoring: str
    metric: str
    model: str
    origin: str
    runs: int


class TrainedCombination(NamedTuple):
    """A combination under one budget, and how many runs it has; without sources, a model as it is."""

    origin: str
    task: str
    """That its runs were evaluated on, else that they were trained for."""
    model: str
    sources: tuple[str, ...]
    examples: int | None
    runs: int
    last: str
    """When the last run ended, as ISO 8601."""


def save_run(store: Store, directory: Path, record: Mapping[str, Any], answers: Mapping[str, RowAnswers] = {}) -> None:
    """Write a finished run and its scores, in place of what was known of it.

    Args:
        record: what its run.json holds.
        answers: to the rows behind its accuracies, by the file of their predictions.
    """
    identity, environment = record["identity"], record["environment"]
    shares = identity.get("shares") or {}
    run = StoredRun(
        run_id=record["run_id"],
        kind=identity["kind"],
        name=record["name"],
        task=identity["task"]["name"],
        model=record.get("model") or identity["model"]["name"],  # a folder is not in the identity
        sources=tuple(sorted(shares)),
        examples=sum(shares.values()) or None,
        seed=identity.get("seed"),
        unequal=bool(identity.get("unequal")),
        directory=str(directory.resolve()),
        identity=identity,
        environment=environment,
        device=str(environment.get("device", "")),
        tokens_per_s=(record.get("training") or {}).get("tokens_per_s"),
        wall_s=record["wall_s"],
        finished_at=record["finished_at"],
        mslt_version=record["mslt_version"],
        origin="own",
        command=record["command"],
    )
    copied = ("task", "split", "metric", "value", "low", "high", "rows", "unseen", "counts", "data_sha256")
    scores, items = [], []
    for score in record["scores"]:
        answered = answers.get(score.get("predictions", "")) if score["metric"] == "accuracy" else None
        scores.append(
            {name: score[name] for name in copied}
            | {"run_id": run.run_id, "origin": run.origin, "scoring": score.get("scoring", "")}
            | {"iso639_3": score["target"], "right_rows": answered and answered.right}
        )
        if answered is not None:
            items.append({"data_sha256": score["data_sha256"], "rows": score["rows"], "items": answered.items})
    with store.transaction() as connection:
        run = run._replace(model=_settle_name(connection, run))
        connection.execute("DELETE FROM runs WHERE run_id = ? AND origin = 'own'", (run.run_id,))  # with its scores
        insert(connection, "runs", [run])
        insert(connection, "scores", scores)
        insert(connection, "test_items", items, conflict="REPLACE")


def _settle_name(connection: Connection, run: StoredRun) -> str:
    """The one name in a store of a model in a folder, which runs of several machines name by several paths.

    It is the path that is here, and gets to all runs of that model.
    """
    if run.identity["model"]["name"]:
        return run.model
    checksums = [value for key, value in run.identity["model"].items() if key.endswith("_sha256")]
    same = f"origin = 'own' AND {' AND '.join(['instr(identity, ?)'] * len(checksums))}"
    (known,) = connection.execute(f"SELECT model FROM runs WHERE {same} LIMIT 1", checksums).fetchone() or (run.model,)
    name = run.model if os.path.isdir(run.model) and not os.path.isdir(known) else str(known)
    connection.execute(f"UPDATE runs SET model = ? WHERE model != ? AND {same}", (name, name, *checksums))
    return name


def find_runs(store: Store, prefix: str = "", *, origin: str | None = None) -> list[StoredRun]:
    """The runs whose id begins so, own ones or shipped ones or both; the newest first.

    A user who trained a shipped run has it twice, with one id.
    """
    return store.read(
        StoredRun,
        "runs WHERE substr(run_id, 1, length(:prefix)) = :prefix AND (:origin IS NULL OR origin = :origin)"
        " ORDER BY finished_at DESC, run_id",
        {"prefix": prefix, "origin": origin},
    )


def known_directories(store: Store) -> dict[str, str]:
    """The directory of each own run, by the run's id."""
    rows = store.query("SELECT run_id, directory FROM runs WHERE origin = 'own'")
    return {run_id: directory for run_id, directory in rows}  # noqa: C416


def forget_runs(store: Store, run_ids: Iterable[str]) -> None:
    """Take own runs and their scores out of the index; their directories stay."""
    with store.transaction() as connection:
        connection.executemany("DELETE FROM runs WHERE run_id = ? AND origin = 'own'", [(x,) for x in run_ids])


def find_one_run(store: Store, digits: str, *, origin: str | None = None) -> StoredRun | None:
    """The run whose id begins so; None if there is none, or the digits are fewer than LEAST_DIGITS.

    Of an own and a shipped one it is the own one.

    Raises:
        UsageError: several runs begin so.
    """
    runs = find_runs(store, digits, origin=origin) if len(digits) >= LEAST_DIGITS else []
    by_id = {run.run_id: run for run in sorted(runs, key=lambda run: run.origin, reverse=True)}  # the own ones last
    if len(by_id) > 1:
        listed = ", ".join([*by_id][:4])
        raise UsageError(f"{len(by_id)} runs begin with {digits}: {listed}. Write more of it.")
    return next(iter(by_id.values()), None)


def stored_evaluations(store: Store) -> list[StoredEvaluation]:
    """What there are scores of, by task and model."""
    # Grouped by run first: that is in the order of the key, and leaves a tenth of the rows to be joined.
    rows = store.query(
        "SELECT scored.task, split, scoring, metric, model, origin, count(*)"
        " FROM (SELECT DISTINCT run_id, origin, task, split, scoring, metric FROM scores) AS scored"
        " JOIN runs USING (run_id, origin)"
        " GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 5, 2, 3, 4, 6"
    )
    return [StoredEvaluation(*row) for row in rows]


def trained_combinations(store: Store) -> list[TrainedCombination]:
    """What was trained, in no order."""
    return store.read(
        TrainedCombination,
        "(SELECT origin, coalesce(scored.task, runs.task) AS task, model, sources, examples, count(*) AS runs,"
        " max(finished_at) AS last"
        " FROM runs LEFT JOIN (SELECT DISTINCT run_id, origin, task FROM scores) AS scored USING (run_id, origin)"
        " GROUP BY 1, 2, model, sources, examples)",
    )


def stored_scores(
    store: Store,
    *,
    task: str | None = None,
    split: str | None = None,
    scoring: str | None = None,
    metric: str | None = None,
    run_id: str | None = None,
    origin: str | None = None,
) -> list[StoredScore]:
    """The scores of one evaluation, of one run, or all of them; in no order."""
    given = {"task": task, "split": split, "scoring": scoring, "metric": metric, "run_id": run_id, "origin": origin}
    where = " AND ".join(f"{name} = :{name}" for name, value in given.items() if value is not None) or "1"
    majority = "json_extract(counts, '$.majority') * 1.0 / rows AS majority"
    return store.read(StoredScore, f"(SELECT *, iso639_3 AS target, {majority} FROM scores) WHERE {where}", given)


def tokens_per_s(store: Store, model: str) -> float | None:
    """How fast a model was trained, by the newest run; None if it was not."""
    rows = store.query(
        "SELECT tokens_per_s FROM runs WHERE model = ? AND tokens_per_s > 0 ORDER BY finished_at DESC LIMIT 1",
        (model,),
    )
    return float(rows[0][0]) if rows else None
