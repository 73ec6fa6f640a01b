"""Runs and their scores: the index over run directories, and the runs that ship in db/. Rows ↔ records."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from mslt_cli.store.db import Store, insert


@dataclass(frozen=True)
class StoredRun:
    """One row of `runs`, column by column; schema.sql describes them."""

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
    """A metric of a run on one target; a tuple, for a report may read a hundred thousand of them."""

    run_id: str
    task: str
    split: str
    scoring: str
    target: str
    """ISO 639-3."""
    metric: str
    value: float
    """0..1."""
    low: float
    high: float
    rows: int
    unseen: int
    """0 = the target was trained on."""
    data_sha256: str
    """Of the test rows."""


@dataclass(frozen=True)
class StoredEvaluation:
    """A kind of score that there are runs for."""

    task: str
    split: str
    scoring: str
    metric: str
    model: str
    origin: str
    runs: int


RUN_COLUMNS = tuple(field.name for field in fields(StoredRun))
SCORE_COLUMNS = ", ".join(StoredScore._fields).replace("target", "iso639_3 AS target")


def save_run(store: Store, directory: Path, record: Mapping[str, Any]) -> None:
    """Write a finished run and its scores, in place of what was known of it.

    Args:
        store: open to write.
        directory: of the run.
        record: what its run.json holds.
    """
    identity, environment = record["identity"], record["environment"]
    shares = identity.get("shares")
    run = StoredRun(
        run_id=record["run_id"],
        kind=identity["kind"],
        name=record["name"],
        task=identity["task"]["name"],
        model=identity["model"]["name"],
        sources=tuple(sorted(shares or ())),
        examples=sum(shares.values()) if shares else None,
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
    scores = [
        {
            "run_id": run.run_id,
            "task": score["task"],
            "split": score["split"],
            "scoring": score.get("scoring", ""),
            "iso639_3": score["target"],
            "metric": score["metric"],
            "value": score["value"],
            "low": score["low"],
            "high": score["high"],
            "counts": json.dumps(score["counts"]),
            "rows": score["rows"],
            "unseen": int(score["unseen"]),
            "data_sha256": score["data_sha256"],
        }
        for score in record["scores"]
    ]
    with store.transaction() as connection:
        connection.execute("DELETE FROM runs WHERE run_id = ?", (run.run_id,))  # with its scores
        insert(connection, "runs", [_to_row(run)])
        insert(connection, "scores", scores)


def find_runs(store: Store, prefix: str = "", *, origin: str | None = None) -> list[StoredRun]:
    """The runs whose id begins so, own ones or shipped ones or both; the newest first."""
    rows = store.query(
        f"SELECT {', '.join(RUN_COLUMNS)} FROM runs WHERE substr(run_id, 1, length(:prefix)) = :prefix"
        " AND (:origin IS NULL OR origin = :origin) ORDER BY finished_at DESC, run_id",
        {"prefix": prefix, "origin": origin},
    )
    return [_from_row(row) for row in rows]


def stored_evaluations(store: Store) -> list[StoredEvaluation]:
    """What there are scores of, by task and model."""
    # Grouped by run first: that is in the order of the key, and leaves a tenth of the rows to be joined.
    rows = store.query(
        "SELECT scored.task, split, scoring, metric, model, origin, count(*)"
        " FROM (SELECT DISTINCT run_id, task, split, scoring, metric FROM scores) AS scored JOIN runs USING (run_id)"
        " GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 5, 2, 3, 4, 6"
    )
    return [StoredEvaluation(*row) for row in rows]


def stored_scores(
    store: Store,
    *,
    task: str | None = None,
    split: str | None = None,
    scoring: str | None = None,
    metric: str | None = None,
    run_id: str | None = None,
) -> list[StoredScore]:
    """The scores of one evaluation, of one run, or all of them; in no order."""
    given = {"task": task, "split": split, "scoring": scoring, "metric": metric, "run_id": run_id}
    where = " AND ".join(f"{name} = :{name}" for name, value in given.items() if value is not None) or "1"
    return list(map(StoredScore._make, store.query(f"SELECT {SCORE_COLUMNS} FROM scores WHERE {where}", given)))


def tokens_per_s(store: Store, model: str) -> float | None:
    """How fast a model was trained, by the newest run; None if it was not."""
    rows = store.query(
        "SELECT tokens_per_s FROM runs WHERE model = ? AND tokens_per_s > 0 ORDER BY finished_at DESC LIMIT 1",
        (model,),
    )
    return float(rows[0][0]) if rows else None


def _to_row(run: StoredRun) -> dict[str, Any]:
    texts = {
        name: json.dumps(getattr(run, name), sort_keys=True, ensure_ascii=False)
        for name in ("sources", "identity", "environment")
    }
    return vars(run) | texts | {"unequal": int(run.unequal)}


def _from_row(row: Sequence[Any]) -> StoredRun:
    values = dict(zip(RUN_COLUMNS, row, strict=True))
    values |= {name: json.loads(values[name]) for name in ("sources", "identity", "environment")}
    return StoredRun(**values | {"sources": tuple(values["sources"]), "unequal": bool(values["unequal"])})
